from regbench.scores.metrics import METRICS, expected_metrics

VOLUMES = {"volume_before", "volume_carried", "volume_after"}  # of a follow-up alone


def names(labels: bool, truth: bool, landmarks: bool = True, lesion: bool = False) -> set[str]:
    return {metric.name for metric in expected_metrics(labels, truth, landmarks, lesion)}


def test_a_pair_gets_the_metrics_that_its_labels_landmarks_and_truth_allow():
    every = set(METRICS) - VOLUMES
    assert names(labels=True, truth=True, landmarks=False) == every - {"tre"}
    assert names(labels=True, truth=True) == every
    assert names(labels=False, truth=True) == every - {"dsc", "hd95", "error_border"}
    assert names(labels=True, truth=False) == every - {"error", "error_border"}
    assert names(labels=True, truth=True, lesion=True) == set(METRICS)
    assert names(labels=False, truth=False, lesion=True) & VOLUMES == VOLUMES - {"volume_after"}


def test_no_method_is_ranked_by_mutual_information_nor_across_contrasts_by_ssim_or_psnr():
    assert not METRICS["mi"].ranked
    assert not METRICS["nmi"].ranked
    assert all("multi" not in METRICS[name].ranked for name in ("ssim", "psnr", "ssim_brain", "psnr_brain"))


def test_a_heading_has_the_unit():
    assert METRICS["dsc"].heading == "DSC"
    assert METRICS["error"].heading == "Error (mm)"
