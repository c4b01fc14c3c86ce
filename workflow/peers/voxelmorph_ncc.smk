TUNING = [{"smoothness": 0.01}, {"smoothness": 0.1}, {"smoothness": 0.3}, {"window": 5}]


use rule run as voxelmorph_ncc with:
    wildcard_constraints:
        method="voxelmorph_ncc",
    params:
        label="VoxelMorph NCC",
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
        modalities=["multi"],
        trains=True,
        source="the row that the paper leaves out: VoxelMorph as in the mono-modal task, whose local correlation knows no other "
        "contrast; a negative control",
