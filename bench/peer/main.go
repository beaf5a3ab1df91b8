// Command freshkey-bench-peer answers every request on a Unix socket with one answer, which a file
// holds as it goes over the wire: what the agent's answers are measured beside.
//
//	freshkey-bench-peer SOCKET ANSWER
package main

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("give the path of the socket to make, and the file with the answer")
	}
	header, body, err := read(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if _, found := header["Date"]; !found {
		header["Date"] = nil // or net/http would add one
	}
	answer := func(writer http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			writer.Header()[name] = values
		}
		writer.Write(body)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(answer)))
}

func read(path string) (http.Header, []byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	response, err := http.ReadResponse(bufio.NewReader(file), nil)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(response.Body)
	return response.Header, body, err
}
