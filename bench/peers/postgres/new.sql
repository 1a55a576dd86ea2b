SELECT send_person(nextval('person'), 0);
