module freshkey/bench/upstream

go 1.25.3
