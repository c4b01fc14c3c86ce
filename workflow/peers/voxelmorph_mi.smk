TUNING = [{"smoothness": 0.03}, {"smoothness": 0.3}, {"sigma": 1.0}, {"bins": 16}]


use rule run as voxelmorph_mi with:
    wildcard_constraints:
        method="voxelmorph_mi",
    params:
        label="VoxelMorph MI",
        python="regbench.methods.voxelmorph:VoxelMorphMI",
        options={
            "features": [16, 16, 16, 16, 16],
            "leak": 0.2,
            "integration_steps": 5,
            "flow_initializer": 1e-5,
            "bins": 32,
            "sigma": 0.5,
            "smoothness": 0.1,
            "epochs": 40,
            "learning_rate": 1e-4,
            "validate_every": 500,
        },
        trains=True,
        source="VoxelMorph's network and training with DMI's loss, smoothness and windows; as untuned as both",
