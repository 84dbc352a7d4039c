"""The frame of every page: head, header, notices, errors. Templates only, no views."""
