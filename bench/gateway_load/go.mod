module freshkey/bench/gateway_load

go 1.25.3
