"""What can be wrong with a contact."""

from recado.domain.errors import Conflict


class ContactExists(Conflict):
    code = "contact_exists"
    sentence = (
        "A contact with the phone {phone} exists already, with the id {id}. Change that one, or "
        "give another phone."
    )
