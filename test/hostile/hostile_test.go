package hostile_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// hostileRequests is how many requests TestHostileRequests sends; half as many
// under the race detector.
const hostileRequests = 10_000

// raw returns the bytes of a request with a body.
func raw(method, target, body string, header ...string) string {
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: caregraph"}, header...)
	if body != "" {
		lines = append(lines, fmt.Sprint("Content-Length: ", len(body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// goodRequests are requests over both doors that are answered with 2xx.
func goodRequests(token string, patient, doctor int) []string {
	who, isJSON := "Authorization: Bearer "+token, "Content-Type: application/json"
	return []string{
		raw("POST", "/graphql", `{"query":"{ viewer { id username patients(first: 5) { nodes { id name } } } }"}`, who, isJSON),
		raw("POST", "/graphql", `{"query":"query P($id: ID!, $n: Int = 3) { patient(id: $id) { ...F mappings { doctor { patients(first: $n) { totalCount } } } } } fragment F on Patient { name bloodGroup }","operationName":"P","variables":{"id":"1","n":2}}`, who, isJSON, "Accept: application/graphql-response+json, application/json;q=0.9"),
		raw("POST", "/graphql", `{"query":"mutation($p: ID!, $n: String) { updatePatient(id: $p, input: {name: $n}) { id } }","variables":{"p":1,"n":"Arjun \ud83d\ude00"}}`, who, isJSON),
		raw("POST", "/graphql", `{"query":"mutation { deletePatient(id: 99) }","extensions":{"a":[1,2.5e3,null,true]}}`, who, isJSON),
		raw("GET", "/graphql?query=%7Bdoctors(first%3A1%2CorderBy%3A%7Bfield%3ANAME%7D)%7BtotalCount%20pageInfo%7BendCursor%7D%7D%7D&variables=%7B%7D", "", who),
		raw("POST", "/api/patients/", `{"name":"Arjun","email":"p@example.com","phone":"+91 98765 43210","date_of_birth":"1990-05-15","address":"Pune","gender":"male"}`, who, isJSON),
		raw("PATCH", fmt.Sprintf("/api/patients/%d/", patient), `{"medical_history":"none","blood_group":"O+"}`, who, isJSON),
		raw("PUT", fmt.Sprintf("/api/doctors/%d/", doctor), "name=Dr.+Rao&email=r%40example.com&phone=9876543210&specialization=X&license_number=R-1&experience_years=3&consultation_fee=10.50", who, "Content-Type: application/x-www-form-urlencoded"),
		raw("PATCH", fmt.Sprintf("/api/doctors/%d/", doctor), "--x\r\nContent-Disposition: form-data; name=\"availability\"\r\n\r\nMon\r\n--x--\r\n", who, "Content-Type: multipart/form-data; boundary=x"),
		raw("GET", "/api/patients/?limit=5&offset=0", "", who),
		raw("GET", fmt.Sprintf("/api/doctors/%d/", doctor), "", who),
		raw("GET", "/api/mappings/", "", who),
		raw("OPTIONS", "/api/patients/", "", "Origin: https://evil.example", "Access-Control-Request-Method: DELETE"),
		raw("GET", "/health/", ""),
		raw("GET", "/readyz", ""),
		raw("GET", "/openapi.json", ""),
		raw("POST", "/api/auth/token/refresh/", `{"refresh":"x"}`, isJSON),
		raw("POST", "/api/auth/login/", `{"email":"nobody@example.com","password":"x"}`, isJSON),
	}
}

// brokenRequests are requests that no client sends by accident.
func brokenRequests(token string) []string {
	who, isJSON := "Authorization: Bearer "+token, "Content-Type: application/json"
	const query = `{"query":"{ viewer { id } }"}`
	list := []string{
		"", "\r\n", "\r\n\r\n", "\x00", "GET", "GET /", "GET / HTTP/1.1\r\n", "GET /graphql\r\n\r\n", "GET /graphql HTTP/0.9\r\n\r\n", "GET /graphql HTTP/1.1\r\n\r\n",
		"GET /graphql HTTP/1.1 \r\nHost: x\r\n\r\n", "GET  /graphql HTTP/1.1\r\nHost: x\r\n\r\n", "get /graphql HTTP/1.1\r\nHost: x\r\n\r\n", "G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "SSH-2.0-x\r\n",
		raw("OPTIONS", "*", ""), raw("CONNECT", "evil.example:443", ""), raw("TRACE", "/graphql", ""), raw("BREW", "/graphql", query, isJSON), raw("GET", "http://evil.example/graphql", ""),
		raw("GET", "/graphql", "", "Host: other"), raw("GET", "/graphql", "", " folded: x"), raw("GET", "/graphql", "", "no colon"), raw("GET", "/graphql", "", "X: a\x00b"), raw("GET", "/graphql", "", "X\xff: a"),
		raw("GET", "/graphql", "", "X: "+strings.Repeat("x", 2<<20)), raw("GET", "/graphql", "", strings.Repeat("X: y\r\n", 20_000)+"X: y"), raw("GET", "/graphql?query="+strings.Repeat("x", 2<<20), ""),
		raw("POST", "/graphql", "", isJSON, who, "Content-Length: -1"), raw("POST", "/graphql", query, isJSON, who, "Content-Length: 5"), raw("POST", "/graphql", "", isJSON, who, "Content-Length: 99999999999999999999"),
		raw("POST", "/graphql", "", isJSON, who, "Content-Length: 1000000000"), raw("POST", "/graphql", "", isJSON, who, "Content-Length: 10") + "{",
		raw("POST", "/graphql", "", isJSON, who, "Transfer-Encoding: chunked") + "5\r\n{\"que\r\n", raw("POST", "/graphql", "", isJSON, who, "Transfer-Encoding: chunked") + "zz\r\n",
		raw("POST", "/graphql", "", isJSON, who, "Transfer-Encoding: chunked") + "ffffffffffffffff\r\n", raw("POST", "/graphql", "", isJSON, who, "Transfer-Encoding: chunked", "Content-Length: 3") + "0\r\n\r\n",
		raw("POST", "/graphql", "", isJSON, who, "Transfer-Encoding: chunked") + "1;" + strings.Repeat("x", 100_000) + "\r\n{\r\n0\r\n\r\n",
		raw("POST", "/graphql", "", isJSON, who, "Transfer-Encoding: chunked") + strings.Repeat("1\r\n \r\n", 3_000) + "0\r\nTrailer: x\r\n\r\n",
		raw("POST", "/graphql", query, isJSON, who, "Expect: 100-continue"), raw("POST", "/graphql", query, isJSON, who, "Expect: tea"), raw("POST", "/graphql", query, isJSON, who, "Content-Encoding: gzip"),
		raw("GET", "/graphql?query={__typename}", "", who, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="),
		raw("GET", "/graphql", "", who, "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
		raw("POST", "/graphql", strings.Repeat("{", 1<<20), isJSON, who), raw("POST", "/graphql", strings.Repeat("[", 2<<20), isJSON, who), raw("POST", "/api/patients/", `{"name":`+strings.Repeat("[", 1<<20-10), isJSON, who),
		raw("POST", "/api/patients/", "--x\r\n"+strings.Repeat("A: b\r\n", 20_000), who, "Content-Type: multipart/form-data; boundary=x"), raw("POST", "/api/patients/", strings.Repeat("--x\r\n\r\n\r\n", 20_000)+"--x--", who, "Content-Type: multipart/form-data; boundary=x"),
		raw("POST", "/api/patients/", strings.Repeat("a=1&", 100_000), who, "Content-Type: application/x-www-form-urlencoded"), raw("POST", "/api/patients/", "a[b][c]=1&=&&a=%", who, "Content-Type: application/x-www-form-urlencoded"),
		raw("GET", "/api/patients/%00/", "", who), raw("GET", "/api/patients/%ff%fe/", "", who), raw("GET", "/api/patients/99999999999999999999/", "", who), raw("GET", "/api/patients/-1/", "", who), raw("GET", "/api/../graphql", "", who),
		raw("GET", "//api//patients//", "", who), raw("GET", "/api/patients/1/../../../etc/passwd", "", who), raw("GET", "/api/patients/?limit=-1&offset=99999999999999999999", "", who), raw("GET", "/api/patients/?limit=0&offset=2147483647", "", who),
		raw("GET", "/swagger/../../etc/passwd", ""), raw("GET", "/swagger/%2e%2e/%2e%2e/go.mod", ""), raw("GET", "/"+strings.Repeat("../", 1_000), ""),
	}
	for _, value := range []string{"", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer " + strings.Repeat("x", 12_000), "Basic eDp4", "Bearer " + token + "," + token, "\xff", token} {
		list = append(list, raw("POST", "/graphql", query, isJSON, "Authorization: "+value), raw("GET", "/api/patients/", "", "Authorization: "+value))
	}
	for _, value := range []string{"", ";", "application/json;q=NaN", "*/*;q=1e308", "application/json;q=-1", strings.Repeat("a/b,", 3_000), "application/json; charset=utf-16", "\x80"} {
		list = append(list, raw("POST", "/graphql", query, isJSON, who, "Accept: "+value), raw("POST", "/graphql", query, who, "Content-Type: "+value), raw("POST", "/api/patients/", query, who, "Content-Type: "+value))
	}
	for _, b := range bombs() {
		if len(b.document) < 1<<15 && b.variables == "" {
			list = append(list, raw("POST", "/graphql", fmt.Sprintf(`{"query":%q}`, b.document), isJSON, who))
		}
	}
	return list
}

// nasty are pieces that readers stumble over.
var nasty = []string{
	"\x00", "\xff\xfe", "\xed\xa0\x80", "\r\n", "\r\n\r\n", "%00", "%", "'", `"`, `\`, `\u0000`, `\ud800`, "{", "}", "[[[[", "]]]]", ":", ",", "null", "true", "-0", "1e999", "9223372036854775808",
	"NaN", "__schema", "__typename", "...", "@skip(if: true)", "$x", `"""`, "#", "--", "' OR 1=1 --", "; DROP TABLE users", "\u202e", "\ufeff", "😀", "आशा", "-1", "0x10", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "../", "${x}", "{{7*7}}", "%s%n",
}

// mutated returns a request that was changed in a few places.
func mutated(r *rand.Rand, request string) string {
	b := []byte(request)
	for range 1 + r.IntN(4) {
		if len(b) == 0 {
			break
		}
		at := r.IntN(len(b))
		switch body := bytes.Index(b, []byte("\r\n\r\n")) + 4; { // rather not in the token
		case body > 3 && body < len(b) && r.IntN(4) > 0:
			at = body + r.IntN(len(b)-body)
		case r.IntN(4) > 0:
			at = r.IntN(1 + max(0, bytes.IndexByte(b, '\n')))
		}
		end := min(len(b), at+1+r.IntN(20))
		switch r.IntN(8) {
		case 0: // another byte
			b[at] = byte(r.IntN(256))
		case 1: // a bit
			b[at] ^= 1 << r.IntN(8)
		case 2: // without a part
			b = append(b[:at:at], b[end:]...)
		case 3: // a part again
			b = append(b[:end:end], b[at:]...)
		case 4, 5: // something nasty
			b = []byte(string(b[:at]) + nasty[r.IntN(len(nasty))] + string(b[at:]))
		case 6: // a part many times
			b = []byte(string(b[:at]) + strings.Repeat(string(b[at:end]), r.IntN(200)) + string(b[at:]))
		case 7: // cut off
			if r.IntN(4) == 0 {
				b = b[:at]
			}
		}
	}
	if r.IntN(2) == 0 { // with a length that is true again
		if head, body, ok := bytes.Cut(b, []byte("\r\n\r\n")); ok {
			lines := strings.Split(string(head), "\r\n")
			for i, line := range lines {
				if strings.HasPrefix(line, "Content-Length:") {
					lines[i] = fmt.Sprint("Content-Length: ", len(body))
				}
			}
			b = []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + string(body))
		}
	}
	return string(b)
}

// complete tells whether a server has no reason to wait for more of a request.
func complete(request string) bool {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil
}

// deliver writes a request to the server and returns the status of the answer;
// 0 if the server closed the connection without one. A slow one comes in pieces.
func deliver(address, request string, slow bool) (status int, identified bool, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, false, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(harness.Most))
	go func() { // a server may answer before it has read all
		pieces := 1
		if slow {
			pieces = 10
		}
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := range pieces {
			if _, err := io.WriteString(conn, request[len(request)*i/pieces:len(request)*(i+1)/pieces]); err != nil {
				return
			}
			if slow {
				<-tick.C
			}
		}
		if !complete(request) { // of a complete one the end would say that the client has left
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return 0, false, err
	}
	if err != nil {
		return 0, false, nil
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusContinue {
		io.Copy(io.Discard, response.Body)
	}
	return response.StatusCode, response.Header.Get("X-Request-Id") != "", nil
}

// TestHostileRequests sends requests that are malformed, truncated, slow or
// meant to harm. None may be answered with 5xx but 503, none may panic, and
// none may leave anything behind.
func TestHostileRequests(t *testing.T) {
	a := harness.New(t, storetest.Open(t, storetest.URL(t, "sqlite3")), func(c *server.Config) { c.LoginLimit = 5 })
	asha := a.Register(t, "asha")
	doctor := a.CreateDoctor(t, asha, "Dr. Rao", "R-1")
	patient := a.CreatePatient(t, asha, "Arjun")
	a.Assign(t, asha, patient, doctor)
	address := strings.TrimPrefix(a.URL, "http://")
	good, broken := goodRequests(asha.Token, patient, doctor), brokenRequests(asha.Token)
	small := slices.DeleteFunc(slices.Clone(broken), func(request string) bool { return len(request) > 1<<15 })
	var statuses [600]atomic.Int64
	r := rand.New(rand.NewPCG(1, 2))
	send := func(n int) {
		requests := make(chan string)
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for request := range requests {
					status, identified, err := deliver(address, request, len(request)%100 == 0)
					statuses[status].Add(1)
					switch {
					case err != nil:
						t.Errorf("%v for %.300q", err, request)
					case !identified && (status == http.StatusNotImplemented || status == http.StatusHTTPVersionNotSupported):
						// net/http says that it does not know the transfer coding or the version of HTTP.
					case status >= 500 && status != http.StatusServiceUnavailable:
						t.Errorf("%d for %.300q", status, request)
					}
				}
			})
		}
		for i := range n {
			switch {
			case i < len(broken):
				requests <- broken[i]
			case i%10 == 0:
				requests <- mutated(r, small[r.IntN(len(small))])
			default:
				requests <- mutated(r, good[r.IntN(len(good))])
			}
		}
		close(requests)
		workers.Wait()
	}
	for i, request := range good[:16] {
		if status, _, err := deliver(address, request, false); err != nil || status >= 300 {
			t.Errorf("%d: got %d (%v) for %.300q", i, status, err, request)
		}
	}
	used := func() (heap uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	http.DefaultClient.CloseIdleConnections()
	count := hostileRequests
	if harness.Raced {
		count /= 2
	}
	send(1_000) // so that the caches are full
	heap, goroutines := used(), runtime.NumGoroutine()
	start := time.Now()
	send(count)
	t.Logf("%d requests in %s", count, time.Since(start).Round(time.Millisecond))
	for status := range statuses {
		if n := statuses[status].Load(); n > 0 {
			t.Logf("%3d: %d", status, n)
		}
	}
	harness.Eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
	grown := int64(used()) - int64(heap)
	t.Logf("%d goroutines before, %d after; the heap has grown by %d KiB", goroutines, runtime.NumGoroutine(), grown>>10)
	if grown > 16<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	for _, trouble := range []string{"panic", "internal error", `"msg":"rest"`} {
		if log := a.Log.String(); strings.Contains(log, trouble) {
			t.Errorf("the log has %q: %.3000s", trouble, log[strings.Index(log, trouble):])
		}
	}
	a.Expect(t, "the server goes on", asha, `{ viewer { username } }`, nil, `{"data":{"viewer":{"username":"asha"}}}`)
}
