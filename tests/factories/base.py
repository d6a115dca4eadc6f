"""What all factories share, and people."""

import factory
from django.contrib.auth import get_user_model


class Factory(factory.django.DjangoModelFactory):
    """The base: no second save after creation."""

    class Meta:
        abstract = True
        skip_postgeneration_save = True


class UserFactory(Factory):
    class Meta:
        model = get_user_model()
        django_get_or_create = ("username",)

    username = factory.Sequence(lambda number: f"person{number}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.django.Password("correct horse battery staple")


class StaffFactory(UserFactory):
    """An administrator."""

    is_staff = True
    is_superuser = True
