"""A training that is asked to stop, or finds its newest state damaged, ends as an undisturbed one does."""

import os
import signal

import pytest
import torch

from core import interruption
from core.errors import InputError
from core.workspace import MODEL_FILE, Workspace
from pretrain import loop, pretraining
from pretrain.divergence import LossWatch
from pretrain.resumption import newest_whole
from pretrain.tensor_files import load_tensors, save_tensors
from tests.pretrain.test_pretraining import CONFIG, pretrain
from tests.support.processes import in_two_processes


@pytest.fixture(autouse=True)
def nothing_received():
    """The signals of one test are none of another's."""
    before = signal.getsignal(signal.SIGUSR2)
    yield
    interruption.install_handlers([])
    signal.signal(signal.SIGUSR2, before)


def equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


class Asks(Workspace):
    """Sends the process a signal at one step."""

    at = 7

    def progress(self, done: int, total: int, unit: str) -> None:
        if done == self.at - 1:
            os.kill(os.getpid(), signal.SIGUSR2)


def test_a_request_is_followed_at_the_next_step_in_mid_epoch(miniature, tmp_path):
    undisturbed = pretrain(miniature, tmp_path / "undisturbed")
    folder = tmp_path / "job"
    folder.mkdir()
    interruption.install_handlers([signal.SIGUSR2])
    with pytest.raises(interruption.Interrupted):
        pretraining.run(CONFIG.model_dump(mode="json"), Asks(folder, {"data": miniature}))
    assert load_tensors(folder / loop.STATE_FILE)["step"] == Asks.at
    assert not (folder / MODEL_FILE).exists()
    interruption.install_handlers([])
    pretraining.run(CONFIG.model_dump(mode="json"), Workspace(folder, {"data": miniature}))
    assert equal(load_tensors(folder / MODEL_FILE), undisturbed)


def leave_together(miniature, folder) -> tuple[int, str, str]:
    """Rank 1 alone gets the signal; gives the step after which this rank left, and the state that it would choose.

    And what it says of a loss that is broken on rank 1 alone.
    """
    interruption.install_handlers([signal.SIGUSR2])
    workspace = (Asks if os.environ["RANK"] == "1" else Workspace)(folder, {"data": miniature})
    with pytest.raises(interruption.Interrupted):
        pretraining.run(CONFIG.model_dump(mode="json"), workspace)
    listed = [3, 2] if os.environ["RANK"] == "0" else []  # rank 1 sees an old listing of the folder
    chosen = newest_whole(listed, lambda number: folder / f"iter_{number}.pth", torch.device("cpu"))
    losses = LossWatch(torch.device("cpu"))
    losses.see({"": torch.tensor(1.0 if os.environ["RANK"] == "0" else torch.nan)}, 3, 0.1)
    with pytest.raises(InputError) as error:
        losses.require_finite()
    return load_tensors(folder / loop.STATE_FILE)["step"], chosen.path.name, error.value.sentence


def test_all_processes_leave_at_the_same_step_and_choose_the_same_state_and_see_the_same_divergence(
    miniature, tmp_path
):
    save_tensors(tmp_path / "iter_2.pth", {"step": 2})
    (tmp_path / "iter_3.pth").write_bytes(b"PK\x03\x04")
    first, second = in_two_processes(leave_together, miniature, tmp_path)
    assert first == second and first[:2] == (Asks.at, "iter_2.pth")
    assert first[2].startswith("The training diverged: the loss of step 3 is nan, with the learning rate 0.1; ")


def cut_in_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def with_a_wrong_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [cut_in_half, with_a_wrong_byte])
def test_a_damaged_state_gives_way_to_the_one_before(miniature, tmp_path, capsys, damage):
    undisturbed = pretrain(miniature, tmp_path / "job")
    newest = tmp_path / "job" / loop.STATE_FILE
    before = load_tensors(tmp_path / "job" / loop.PREVIOUS_STATE_FILE)["step"]
    assert before == 12
    newest.write_bytes(damage(newest.read_bytes()))
    (tmp_path / "job" / MODEL_FILE).unlink()
    pretraining.run(CONFIG.model_dump(mode="json"), Workspace(tmp_path / "job", {"data": miniature}))
    assert equal(load_tensors(tmp_path / "job" / MODEL_FILE), undisturbed)
    assert f"warning: The checkpoint {newest}" in capsys.readouterr().out


def test_a_damaged_model_is_written_anew_where_its_job_runs_again(miniature, tmp_path):
    undisturbed = pretrain(miniature, tmp_path / "job")
    model = tmp_path / "job" / MODEL_FILE
    model.write_bytes(with_a_wrong_byte(model.read_bytes()))
    with pytest.raises(InputError, match=r"model\.pt is damaged .*: delete .*job/record\.json, and the same command"):
        load_tensors(model)
    pretraining.run(CONFIG.model_dump(mode="json"), Workspace(tmp_path / "job", {"data": miniature}))
    assert equal(load_tensors(model), undisturbed)
