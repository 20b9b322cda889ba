"""The card of a model that leaves the house: what it is, measured by, trained on and made by, from records alone."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from tabulate import tabulate

from results.plan import PlannedJob, Results
from results.provenance import copy_of
from results.schema import Metric, Record
from results.statistics import Summary, share_interval, summarise
from results.trail import ancestors, code_of, parts_of

PAPER = "[MoPro](https://arxiv.org/abs/2009.07995) (Li, Xiong, Hoi; ICLR 2021)"
SHARE_OF_IMAGES = re.compile(r"top\d+|accuracy")  # metrics whose n are independent images, each a hit or none
UNKNOWN_TERMS = "Nothing is known here of the terms on which its images are given: say what you know."
MINIATURE = (
    "The miniature's images are made by the suite from packaged pictures, whose licences docs/miniature.md of its "
    "repository names."
)


def model_card(
    results: Results, job: PlannedJob, config: Mapping[str, Any], usage: str, licences: Mapping[str, str]
) -> str:
    """The card as Markdown, with what hubs read at its head.

    Args:
        results: of the reproduction.
        job: a finished one of its plan, whose weights these are.
        config: what is said of the weights beside the card: ``architecture``, ``file``, ``sha256``, ``mean``, ``std``,
            ``channels``, ``input_size`` and others.
        usage: a program that loads them.
        licences: a sentence on the terms of a data set's images, by the data set's key in a profile.
    """
    record = results.records[job.name]
    trained_by = [it for it in ancestors(results, job) if it.name in results.records and _has_trained(results, it)]
    read = {it.name: results.records[it.name].data for it in [*trained_by, job] if results.records[it.name].data}
    keys = list(dict.fromkeys(split.split(".")[0] for data in read.values() for split in data))
    parts = [
        _head(config, keys),
        f"# {_title(results, job)}",
        _introduction(results, job, record, config),
        f"## Use\n\n```python\n{usage}\n```\n\n{_input(config)}",
        f"## Figures\n\n{_figures(results, job)}",
        f"## Data\n\n{_data(read)}\n\n{_terms(results, keys, licences)}",
        f"## Limits\n\n{_limits(results, record)}",
        f"## Made by\n\n{_made_by(results, job, record, config)}",
        f"## Configuration\n\n```json\n{json.dumps(_without_folders(record.config), indent=2)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _has_trained(results: Results, job: PlannedJob) -> bool:
    return has_trained(results.records[job.name])


def has_trained(record: Record) -> bool:
    """Whether a job has left weights that it has trained itself."""
    steps = record.metrics.get("steps")
    return "weights_sha256" in record.provenance or (
        "model_sha256" in record.provenance and steps is not None and steps.value > 0
    )


def _head(config: Mapping[str, Any], keys: Iterable[str]) -> str:
    tags = ["pytorch", config["architecture"], *keys]
    lines = ["license: other", "license_name: see-the-section-on-data", "pipeline_tag: image-classification", "tags:"]
    return "\n".join(["---", *lines, *(f"- {tag}" for tag in tags), "---"])


def _title(results: Results, job: PlannedJob) -> str:
    tags = job.tags
    parts = [
        results.title_of(tags["method"]) if "method" in tags else None,
        results.title_of_set(tags["set"]) if "set" in tags else None,
        None if job.kind == "pretrain" else job.kind,
        f"seed {tags['seed']}" if "seed" in tags else None,
    ]
    return ", ".join(part for part in parts if part)


def _introduction(results: Results, job: PlannedJob, record: Record, config: Mapping[str, Any]) -> str:
    steps = record.metrics.get("steps")
    trained = f" for {steps.value:,.0f} steps" if steps else ""
    name = config["architecture"].replace("resnet", "ResNet-")
    network = f"A {name} (width {config['width']}, stem {config['stem']}) with {config['num_classes']:,} classes"
    where = f"the job `{job.name}` of the profile `{results.profile['name']}` in a reproduction of {PAPER}"
    return (
        f"{network}, trained{trained} by {where}. The authors of the paper have not made these weights. They are trunk "
        "and classifier alone: what else a method needs in training is left out."
    )


def _input(config: Mapping[str, Any]) -> str:
    size = config.get("input_size")
    trained = f" It was trained on {size[1]} x {size[2]} pixels." if size else ""
    return (
        f"The network takes {config['channels']} images `[n, 3, height, width]` with values in [0, 1], less the mean "
        f"{_numbers(config['mean'])} and divided by {_numbers(config['std'])}.{trained} With `fc` replaced by the "
        f"identity it gives {config['num_features']:,} features."
    )


def _numbers(values: Iterable[float]) -> str:
    return f"({', '.join(f'{value:.4g}' for value in values)})"


def _figures(results: Results, job: PlannedJob) -> str:
    """What was measured of this run, with intervals."""
    rows = []
    for other, record in results.done:
        if other.figure is None or not (other.name == job.name or job in ancestors(results, other)):
            continue
        for name, metric in record.metrics.items():
            column = results.columns.get(f"{other.figure[2]}/{name}")
            if column is not None:
                rows.append(_row(results, other, name, metric, column.title))
    if not rows:
        return "Nothing was measured of this run in the same profile."
    note = (
        "95% intervals: over seeds (of the mean of the method's runs that differ in their seed alone, Student's t), "
        "otherwise over a run's own draws (Student's t), or over images (Wilson's), which tells nothing of other seeds."
    )
    return f"{tabulate(rows, headers='keys', tablefmt='github', disable_numparse=True)}\n\n{note}"


def _row(results: Results, job: PlannedJob, name: str, metric: Metric, title: str) -> dict[str, str]:
    assert job.figure is not None
    method, training_set, evaluation, _ = job.figure
    values = [it.value for it in results.measured[method, training_set, evaluation, name].values()]
    unit = "" if metric.unit == "%" else f" {metric.unit}"
    return {
        "figure": title + (" (%)" if metric.unit == "%" else ""),
        "evaluation": evaluation,
        "this run": f"{metric.value:.2f}{unit}",
        "rests on": f"n = {metric.n:,}",
        "95% interval": _interval(metric, name, summarise(values)),
    }


def _interval(metric: Metric, name: str, over_seeds: Summary) -> str:
    if over_seeds.n > 1:
        return f"{_ends(over_seeds.interval())} around {over_seeds.mean:.2f}, over {over_seeds.n} seeds"
    if metric.spread is not None and metric.n > 1:
        own = Summary(metric.value, metric.spread, metric.n)
        return f"{_ends(own.interval())}, over {metric.n} draws"
    if metric.unit == "%" and SHARE_OF_IMAGES.fullmatch(name):
        low, high = share_interval(metric.value / 100, metric.n)
        return f"{_ends((100 * low, 100 * high))}, over images"
    return "unknown, of one seed"


def _ends(interval: tuple[float, float]) -> str:
    return "[{:.2f}, {:.2f}]".format(*interval)


def _data(read: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        {
            "read by": f"`{name}`",
            "data": split,
            "images": f"{identity.images:,}",
            "copy": copy_of(identity) or "not recorded",
            "SHA-256 of names and labels": identity.names_sha256 or "not recorded",
            "of the sampled images": identity.sample_sha256 or "not recorded",
            "of all images": identity.full_sha256 or "not recorded",
        }
        for name, data in read.items()
        for split, identity in data.items()
    ]
    return tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True) if rows else "Not recorded."


def _terms(results: Results, keys: Iterable[str], licences: Mapping[str, str]) -> str:
    if results.profile.get("miniature") is not None:
        return f"Terms: {MINIATURE}"
    return "\n".join(f"- {key}: {licences.get(key) or UNKNOWN_TERMS}" for key in keys)


def _limits(results: Results, record: Record) -> str:
    limits = [
        "Nothing but the figures above was measured; on other images, and for other ends, the network is untested.",
        "Images and labels of the web are partly wrong, and spread unevenly over people, places and things: what the "
        "network has learnt from them is, too.",
        "Its probabilities are not calibrated for any use.",
    ]
    if results.profile.get("miniature") is not None:
        limits.insert(0, "A miniature, made to show that a mechanism is at work: it is of no use on real images.")
    if any(code.differs for code in record.code):
        limits.append("The code that trained it differed from the commit named below.")
    return "\n".join(f"- {limit}" for limit in limits)


def _made_by(results: Results, job: PlannedJob, record: Record, config: Mapping[str, Any]) -> str:
    lines = {
        "job": f"`{job.name}`, identity `{job.identity}`",
        "record": f"SHA-256 `{record.digest}`",
        "weights": f"`{config['file']}`, SHA-256 `{config['sha256']}`",
        "code": code_of(record),
        **parts_of(record),
    }
    return "\n".join(f"- {name}: {value}" for name, value in lines.items())


def _without_folders(value: Any) -> Any:
    """The value with the names alone of absolute paths: where they lie is nobody else's affair."""
    if isinstance(value, Mapping):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value
