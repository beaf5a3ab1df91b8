module freshkey/bench/load

go 1.25.3
