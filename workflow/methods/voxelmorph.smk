TUNING = [{"smoothness": 0.01}, {"smoothness": 0.1}, {"smoothness": 0.3}, {"window": 5}]


use rule run as voxelmorph with:
    wildcard_constraints:
        method="voxelmorph",
    params:
        label="VoxelMorph",
        python="regbench.methods.voxelmorph:VoxelMorph",
        options={
            "features": [16, 16, 16, 16, 16],
            "leak": 0.2,
            "integration_steps": 5,
            "flow_initializer": 1e-5,
            "window": 9,
            "smoothness": 1.0,
            "epochs": 40,
            "learning_rate": 1e-4,
            "validate_every": 500,
        },
        modalities=["mono"],
        trains=True,
        source="the network of voxelmorph 0.3.4 (VxmPairwise) with LeakyReLU and He initialisation; NCC of neurite 0.3.4; "
        "window 9, smoothness 1, Adam at 1e-4 after Balakrishnan et al., IEEE TMI 38(8), 2019; the demo trains a smaller one",
