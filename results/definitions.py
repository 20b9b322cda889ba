"""What tables call things, and what stands where there is no figure."""

# What stands where there is no figure of ours.
NOT_RUN = "not run"
NOT_MEASURED = "not measured"  # what was run has no such figure
NOT_APPLICABLE = "not applicable"
PUBLISHED_ONLY = "published only"


METHOD_TITLES = {
    "random": "Random init",
    "ce": "CE",
    "mopro": "MoPro",
    "ce-strong-view": "CE on the strong view",
    "no-correction": "MoPro without noise correction",
    "no-removal": "MoPro without out-of-distribution removal",
    "no-prototypical": "MoPro without prototypical loss",
    "no-instance": "MoPro without instance loss",
    "mopro-v1-release": "MoPro, its authors' release",
    "mopro-v2-release": "MoPro, its authors' release",
    "imagenet-supervised": "CE supervised, torchvision's release",
    "moco-v2": "MoCo v2, release",
    "pcl-v2": "PCL v2, release",
    "swav": "SwAV, release",
    "simclr": "SimCLR, release",
    "byol": "BYOL, release",
}
# For a table and a method of ours, the names under which its row is published; which of them is meant, the pretraining
# set decides. Where several have a figure for one set, sources disagree. A method that is not named here is compared
# with nothing: SimCLR's and PCL's low-shot and fine-tuning figures, for example, are of other runs than the releases.
PUBLISHED_METHODS: dict[tuple[str, str], tuple[str, ...]] = {
    ("webvision", "ce"): (
        "Cross-Entropy (R50; as quoted in a review)",
        "Cross-Entropy / Vanilla (R50; MoPro authors' own run, inferred)",
    ),
    ("webvision", "mopro"): ("MoPro (R50)",),
    ("lowshot", "ce"): ("CE",),
    ("lowshot", "mopro"): ("MoPro",),
    ("lowshot", "mopro-v1-release"): ("MoPro",),
    ("lowshot", "mopro-v2-release"): ("MoPro",),
    ("lowshot", "imagenet-supervised"): ("CE supervised",),
    ("lowshot", "moco-v2"): ("MoCo v2",),
    ("lowshot", "pcl-v2"): ("PCL v2",),
    ("robustness", "ce"): ("CE",),
    ("robustness", "mopro"): ("MoPro",),
    ("robustness", "mopro-v1-release"): ("MoPro",),
    ("robustness", "imagenet-supervised"): ("CE supervised",),
    ("finetune", "ce"): ("CE",),
    ("finetune", "mopro"): ("MoPro (90 ep)", "MoPro"),  # V1.0, and V0.5 and V2.0
    ("finetune", "mopro-v1-release"): ("MoPro (90 ep)",),
    ("finetune", "mopro-v2-release"): ("MoPro",),
    ("finetune", "simclr"): ("SimCLR (1000 ep)",),
    ("finetune", "byol"): ("BYOL (1000 ep)",),
    ("finetune", "swav"): ("SwAV (800 ep)",),
    ("coco", "ce"): ("CE",),
    ("coco", "mopro"): ("MoPro",),
    ("coco", "mopro-v1-release"): ("MoPro",),
    ("coco", "mopro-v2-release"): ("MoPro",),
    ("coco", "imagenet-supervised"): ("CE supervised",),
    ("coco", "random"): ("Random init",),
}
