"""Records of version 1, converted on reading. What they lack is None, and shown as unknown."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from results.provenance import identities
from results.schema import Amount, Arithmetic, Code, Cost, Environment, Hardware, Metric, Record


class _Code(BaseModel):
    commit: str | None = None
    dirty: bool | None = None


class _Hardware(BaseModel):
    machine: str | None = None
    cores: int | None = None
    gpu: str | None = None
    tasks: int | None = None
    cpus_per_task: int | None = None


class _Cost(BaseModel):
    started: str
    seconds: Amount
    gpu_hours: Amount


class Version1(BaseModel):
    """As it was written."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1]
    name: str
    identity: str
    stage: str
    tags: dict[str, str]
    seed: int | None
    config: dict[str, Any]
    inputs: dict[str, str]
    metrics: dict[str, Metric]
    provenance: dict[str, Any]
    code: _Code
    packages: dict[str, str]
    hardware: _Hardware
    cost: _Cost

    def converted(self) -> Record:
        """In the form of version 2; of its cost, the last start alone is known."""
        data, rest = identities(self.provenance)
        hardware = self.hardware.model_dump() | {"gpu": self.hardware.gpu or "none"}
        operators = rest.pop("operators", None)
        return Record(
            schema_version=1,
            name=self.name,
            identity=self.identity,
            stage=self.stage,
            tags=self.tags,
            seed=self.seed,
            config=self.config,
            inputs=self.inputs,
            metrics=self.metrics,
            data=data,
            provenance=rest,
            code=[Code(commit=self.code.commit, differs=self.code.dirty)],
            arithmetic=Arithmetic(),
            environment=Environment(packages=self.packages, operators=operators),
            hardware=Hardware(**hardware),
            cost=Cost(seconds=self.cost.seconds, gpu_hours=self.cost.gpu_hours),
        )
