-- Lists of events by one service, one workload, or by what is not merely information, each newest first:
-- a page is read from the index however many events there are.
drop index event_by_service;
create index event_by_service on event (service, at desc, id desc)
    where service is not null;
create index event_by_pool on event (service, workload, at desc, id desc)
    where workload is not null;
create index event_by_workload on event (workload, at desc, id desc)
    where workload is not null;
create index event_by_severity on event (severity, at desc, id desc)
    where severity <> 'info';

-- Not every workload meets every kind: without knowing that, the planner expects rows where there are none,
-- and walks all events for them.
create statistics event_together (mcv) on kind, workload from event;
