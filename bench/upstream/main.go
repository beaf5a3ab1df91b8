// Command freshkey-bench-upstream stands in for OpenAI where a gateway is measured: it answers chat
// completions at once, whatever the key, with little work of its own.
//
//	freshkey-bench-upstream [-listen 127.0.0.1:0 | -listen /path/of/a/socket]
//
// It prints the address that it listens on. The request's JSON says what comes, beside `model` and
// `stream`: a stream has `events` events, `rate` a second, with texts of `size` bytes.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
)

const largestBody = 1 << 20 // bytes of a request that is read

const completion = `{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,` +
	`"model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":"The key works.",` +
	`"refusal":null},"logprobs":null,"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":4,"completion_tokens":3,"total_tokens":7}}`

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "an address, or the path of a Unix socket")
	flag.Parse()
	network := "tcp"
	if strings.HasPrefix(*listen, "/") {
		network = "unix"
	}
	listener, err := net.Listen(network, *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	http.HandleFunc("POST /v1/chat/completions", answer)
	http.HandleFunc("GET /v1/models", func(writer http.ResponseWriter, _ *http.Request) {
		writeJSON(writer, `{"object":"list","data":[]}`) // what a key is tested with
	})
	log.Fatal(http.Serve(listener, nil))
}

func answer(writer http.ResponseWriter, request *http.Request) {
	content, err := io.ReadAll(io.LimitReader(request.Body, largestBody))
	if err != nil {
		return // the client went away
	}
	var plan Plan
	if err := json.Unmarshal(content, &plan); err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	if plan.Stream {
		plan.send(writer, request)
	} else {
		writeJSON(writer, completion)
	}
}

func writeJSON(writer http.ResponseWriter, content string) {
	header := writer.Header()
	header["Content-Type"] = []string{"application/json"}
	header["Content-Length"] = []string{fmt.Sprint(len(content))}
	io.WriteString(writer, content)
}
