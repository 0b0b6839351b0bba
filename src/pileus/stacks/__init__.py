"""CloudFormation's engine, in two parts. It knows steps and rows, not the API's shapes: those are the service's.

The first is pure: templates in; values, graphs and changes out. No store, no HTTP, no service. What must be fetched (SSM
parameters, secrets, included files, macros, exports) is handed in. This file is kept free of imports: the SAM worker
process loads this package and must stay small.

    yaml_form       text -> plain dict, short forms spelled out, bounded
    template        sections, limits, shape; the Template value
    references      which names a value refers to; that they all exist
    parameters      what the caller gave + what the template declares -> values
    transforms      Fn::Transform, Transform: includes, macros, language extensions, SAM
    conditions      the Conditions and Rules sections
    intrinsics      one value with functions -> one value without, as far as it is known
    dynamic         {{resolve:…}}
    graph           who waits for whom
    plan            old template and new -> what changes
    resource        what a resource type in a service's folder implements
    property_types  its properties: checked and coerced as CloudFormation does

The second makes it so, and survives being killed.

    records         the rows: stacks, blueprints, operations, resources, events
    prepare         what a caller gave -> a blueprint, with everything checked that can be
    ledger          transitions: operations begin, turn from phase to phase, end
    exports         what stacks give to each other
    execute         the executor: walks an operation's graph, phase after phase
    steps           one step on one resource: begun, done, written down
    work            an operation in memory; acting: as whom it acts
    letters         addresses where the outside answers a step that waits
"""
