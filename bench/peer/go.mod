module freshkey/bench/peer

go 1.25.3
