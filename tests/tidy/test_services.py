"""What every service must have said: who may call what, and what its operations are."""

import inspect

import pytest

from pileus.kernel.service import Registry, Service, snake_case
from pileus.protocol import models

REGISTRY = Registry.discover("pileus.services")
SERVICES = [REGISTRY.services[name] for name in sorted(REGISTRY.services)]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_operation_says_what_it_touches(service: Service):
    written = [name for name in models.load(service.name).operation_names if service.operation(name) is not None]
    assert written
    assert set(service.authorize.RESOURCES) == set(written)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_public_function_is_an_operation_of_the_model(service: Service):
    modelled = {snake_case(name) for name in models.load(service.name).operation_names}
    stray = [name for name in service._functions if name not in modelled]
    assert not stray


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_operation_has_a_docstring(service: Service):
    assert not [name for name, fn in service._functions.items() if not inspect.getdoc(fn)]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_nothing_is_said_to_be_partial_that_is_not_there(service: Service):
    assert not [name for name in (*service.refuses, *service.lacks) if service.operation(name) is None]
