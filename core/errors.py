"""What speaks to the user: the one exception with a sentence, and sentences about what the system refuses."""

import errno
import os


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one sentence: the file or key, the value found, what was expected, what to do. Whoever catches it
    prints the sentence without a traceback and ends with exit status 2.
    """

    @property
    def sentence(self) -> str:
        """The message alone, also when a data-loading worker has wrapped it into a traceback."""
        return str(self).rsplit("InputError: ", 1)[-1].strip()


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)  # some mounts of Lustre and NFS
REMOTE = getattr(errno, "EREMOTEIO", errno.EIO)  # Linux alone has it

_MAKE_ROOM = "make room there, then give the same command again"
_NAME_ANOTHER = "name another place"
_TRY_AGAIN = "see whether its disk or server is well, then give the same command again"
_LET_FEWER_RUN = "let fewer processes run side by side (--jobs), or have the limit raised"
_TO_DO = {
    **dict.fromkeys(FULL, _MAKE_ROOM),
    **dict.fromkeys((errno.EROFS, errno.ETXTBSY), "name a place that can be written"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "have it permitted, or name another place"),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG), _NAME_ANOTHER),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.ENOTCONN), _TRY_AGAIN),
    **dict.fromkeys((errno.ETIMEDOUT, errno.EHOSTDOWN, REMOTE), _TRY_AGAIN),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM), _LET_FEWER_RUN),
    errno.ENOENT: "put it back, or name the right place",
}


def sentence_about(error: OSError) -> str | None:
    """What the system refuses, about which path, and what to do; None where that is not the surroundings' fault."""
    to_do = _TO_DO.get(error.errno or 0)
    if to_do is None:
        return None
    if isinstance(error.filename, str | bytes):
        place = os.fsdecode(error.filename)
    else:  # files are named by those who write them
        place = "The standard output" if error.errno in (*FULL, errno.EIO) else "The system"
    return f"{place} cannot be used ({error.strerror}): {to_do}."
