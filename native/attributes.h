/* Where attributes are found, remembered: for the modules that setup.py compiles.

   The problem. Cython finds an attribute by asking the type each time: some 140 instructions, where the interpreter, which
   remembers the place at each line of the source, needs a tenth. A request reads 450 attributes, sets 70 and calls 150
   methods.

   The way. Small tables in each module: from type (by its version, which CPython changes whenever the type or a base of it
   is changed) and name to the slot's offset, or to the method. Only for types whose attributes are found in the ordinary
   way, and only for what an instance can't have otherwise: slots, and methods where instances have no dict. Everything else
   goes the way that Cython takes, and so does all of it where CPython is built without its lock. After an edit here: `make
   clean`, for compiled modules are named after their Python sources alone.

   Source: Python/C API, "Type Objects" (tp_version_tag), "The Vectorcall Protocol", "Structure and member definitions". */

#include <Python.h>
#include <structmember.h>

#if !defined(Py_GIL_DISABLED) && !defined(PYPY_VERSION) && !defined(Py_LIMITED_API)

#define PILEUS_PLACES_BITS 9
#define PILEUS_PLACES (1 << PILEUS_PLACES_BITS)
#define PILEUS_ELSEWHERE -1

/* A table owns its names: getattr() may bring one that would be gone, and another in its place. Version 0 is no type's. */
static struct pileus_slot {
    unsigned int version;
    int offset;
    PyObject *name;
} pileus_slots[PILEUS_PLACES];

/* The type, while it has this version, keeps the method alive. */
static struct pileus_method {
    unsigned int version;
    PyObject *name;
    PyObject *method;
} pileus_methods[PILEUS_PLACES];

/* Fibonacci hashing: names lie in a row, and versions follow each other. */
static inline unsigned int pileus_at(unsigned int version, PyObject *name) {
    unsigned int mixed = ((unsigned int)((size_t)name >> 4) + version * 0x85ebca6bu) * 0x9e3779b1u;
    return mixed >> (32 - PILEUS_PLACES_BITS);
}

static inline int pileus_has_version(PyTypeObject *type) {
    return type->tp_version_tag != 0 && PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG);
}

/* The place of a slot, remembered, or PILEUS_ELSEWHERE. */
static __attribute__((noinline, unused)) int pileus_learn_slot(PyTypeObject *type, PyObject *name) {
    PyObject *found = _PyType_Lookup(type, name); /* borrowed; gives the type a version where it has none */
    int offset = PILEUS_ELSEWHERE;
    if (found != NULL && Py_TYPE(found) == &PyMemberDescr_Type
        && PyType_IsSubtype(type, ((PyDescrObject *)found)->d_type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
        if (member->type == T_OBJECT_EX && member->flags == 0)
            offset = (int)member->offset;
    }
    if (pileus_has_version(type)) {
        struct pileus_slot *slot = &pileus_slots[pileus_at(type->tp_version_tag, name)];
        slot->version = type->tp_version_tag;
        Py_INCREF(name);
        Py_XSETREF(slot->name, name);
        slot->offset = offset;
    }
    return offset;
}

static inline int pileus_offset(PyTypeObject *type, PyObject *name) {
    struct pileus_slot *slot = &pileus_slots[pileus_at(type->tp_version_tag, name)];
    if (slot->version == type->tp_version_tag && slot->name == name)
        return slot->offset;
    return pileus_learn_slot(type, name);
}

/* A new reference to what is in the slot; NULL, and no error, where it is to be found otherwise. */
static inline PyObject *pileus_get_slot(PyObject *object, PyObject *name) {
    PyTypeObject *type = Py_TYPE(object);
    if (type->tp_getattro == PyObject_GenericGetAttr) {
        int offset = pileus_offset(type, name);
        if (offset != PILEUS_ELSEWHERE) {
            PyObject *value = *(PyObject **)((char *)object + offset);
            Py_XINCREF(value);
            return value;
        }
    }
    return NULL;
}

/* 1 where the slot was set, 0 where it is to be done otherwise. */
static inline int pileus_set_slot(PyObject *object, PyObject *name, PyObject *value) {
    PyTypeObject *type = Py_TYPE(object);
    if (type->tp_setattro == PyObject_GenericSetAttr && value != NULL) {
        int offset = pileus_offset(type, name);
        if (offset != PILEUS_ELSEWHERE) {
            PyObject **slot = (PyObject **)((char *)object + offset);
            PyObject *before = *slot;
            Py_INCREF(value);
            *slot = value;
            Py_XDECREF(before);
            return 1;
        }
    }
    return 0;
}

static __attribute__((noinline, unused)) void pileus_learn_method(PyTypeObject *type, PyObject *name) {
    PyObject *found;
    if (type->tp_getattro != PyObject_GenericGetAttr || type->tp_dictoffset != 0)
        return;
    found = _PyType_Lookup(type, name);
    if (found != NULL && PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_METHOD_DESCRIPTOR)
        && PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_HAVE_VECTORCALL) && pileus_has_version(type)) {
        struct pileus_method *method = &pileus_methods[pileus_at(type->tp_version_tag, name)];
        method->version = type->tp_version_tag;
        Py_INCREF(name);
        Py_XSETREF(method->name, name);
        method->method = found;
    }
}

/* PyObject_VectorcallMethod */
static inline PyObject *pileus_call_method(
    PyObject *name, PyObject *const *arguments, size_t count_and_flag, PyObject *names) {
    PyTypeObject *type = Py_TYPE(arguments[0]);
    struct pileus_method *known = &pileus_methods[pileus_at(type->tp_version_tag, name)];
    if (known->version == type->tp_version_tag && known->name == name) {
        PyObject *method = known->method;
        vectorcallfunc call = *(vectorcallfunc *)((char *)method + Py_TYPE(method)->tp_vectorcall_offset);
        if (call != NULL) {
            PyObject *result;
            Py_INCREF(method); /* the type may lose it meanwhile */
            result = call(method, arguments, count_and_flag & ~PY_VECTORCALL_ARGUMENTS_OFFSET, names);
            Py_DECREF(method);
            return result;
        }
    } else {
        pileus_learn_method(type, name);
    }
    return PyObject_VectorcallMethod(name, arguments, count_and_flag, names);
}

#define PyObject_VectorcallMethod pileus_call_method

#else

#define pileus_get_slot(object, name) NULL
#define pileus_set_slot(object, name, value) 0

#endif
