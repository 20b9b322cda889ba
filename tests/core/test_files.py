"""Files are whole or not there."""

import fcntl
import hashlib
import threading

import pytest

from core.errors import InputError
from core.files import LOCK_FILE, exclusive_lock, is_held, sha256_of, write_json, write_text, written_atomically


def test_an_exception_leaves_the_old_content(tmp_path):
    path = tmp_path / "deep" / "file"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), written_atomically(path) as file:
        file.write(b"half of the new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_replaced_at_once(tmp_path):
    path = tmp_path / "file"
    write_json(path, {"a": 1})
    with written_atomically(path) as file:
        file.write(b"new")
        assert path.read_text() == '{\n  "a": 1\n}\n'
    assert path.read_text() == "new"


def test_digest(tmp_path):
    write_text(tmp_path / "file", "content")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()


def test_one_process_holds_a_folder(tmp_path):
    folder = tmp_path / "folder"
    with exclusive_lock(folder), pytest.raises(InputError, match="Another process is at work"), exclusive_lock(folder):
        pass
    with exclusive_lock(folder):
        pass


def test_looking_keeps_nobody_out(tmp_path):
    """Several may look at once, and a folder that is only looked at can be held."""
    with exclusive_lock(tmp_path):
        assert is_held(tmp_path)
    with open(tmp_path / LOCK_FILE) as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        assert not is_held(tmp_path)
        threading.Timer(0.2, look.close).start()
        with exclusive_lock(tmp_path):
            assert is_held(tmp_path)
    assert not is_held(tmp_path / "nowhere")


def test_the_sentence_survives_a_workers_traceback():
    wrapped = InputError(
        'Caught InputError in worker 0.\nTraceback ...\ncore.errors.InputError: The file "x" is bad.\n'
    )
    assert wrapped.sentence == 'The file "x" is bad.'
