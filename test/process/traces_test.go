package process_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestTraces has a server send traces to a collector: a request, its operation, root fields and
// statements, in the trace of a proxy that is trusted, and nothing of what was sent.
func TestTraces(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	program := harness.Build(t)
	for kind, url := range map[string]string{dialect.SQLite: "sqlite:" + filepath.Join(t.TempDir(), "care.db"), dialect.Postgres: storetest.URL(t, dialect.Postgres)} {
		t.Run(kind, func(t *testing.T) {
			var mu sync.Mutex
			var spans []*tracev1.Span
			var all strings.Builder
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				var sent collector.ExportTraceServiceRequest
				if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &sent) != nil {
					t.Errorf("the collector gets %s, %v", r.URL, err)
				}
				mu.Lock()
				defer mu.Unlock()
				all.Write(body)
				for _, resource := range sent.ResourceSpans {
					for _, scope := range resource.ScopeSpans {
						spans = append(spans, scope.Spans...)
					}
				}
			}))
			defer receiver.Close()
			s := program.Start(t, t.TempDir(), []string{
				"DATABASE_URL=" + url, "SECRET_KEY=" + strings.Repeat("k", 32), "TRUSTED_PROXIES=127.0.0.1/32",
				"OTEL_EXPORTER_OTLP_ENDPOINT=" + receiver.URL, "OTEL_SERVICE_NAME=clinic", "OTEL_BSP_SCHEDULE_DELAY=100",
			})
			asha := s.Register(t, "asha")
			s.CreatePatient(t, asha, "Arjun Planted")
			header := http.Header{"Authorization": {"Bearer " + asha.Token}, "Content-Type": {"application/json"}, "Traceparent": {"00-" + trace + "-" + parent + "-01"}}
			s.Do(t, "POST", "/graphql", header, `{"query":"query Given($name: String!) { patients(filter: {search: $name}) { totalCount } viewer { username } }","variables":{"name":"Planted"}}`)
			s.Do(t, "GET", "/graphql?query="+`query+Given{patients(filter:{search:"Planted"}){totalCount}}`, header, "")
			s.Stop(t) // sends what is left

			mu.Lock()
			defer mu.Unlock()
			named := map[string]*tracev1.Span{}
			of := map[string]string{} // the name of the span with an id
			for _, span := range spans {
				of[hex.EncodeToString(span.SpanId)] = span.Name
				if hex.EncodeToString(span.TraceId) == trace {
					named[span.Name] = span
				}
			}
			for name, inside := range map[string]string{"POST graphql": "", "query": "POST graphql", "patients": "query", "viewer": "query", "GET graphql": ""} {
				span := named[name]
				switch {
				case span == nil:
					t.Errorf("there is no span %s in the trace: %v", name, of)
				case inside == "" && hex.EncodeToString(span.ParentSpanId) != parent:
					t.Errorf("%s is not in the span of the proxy", name)
				case inside != "" && of[hex.EncodeToString(span.ParentSpanId)] != inside && of[hex.EncodeToString(span.ParentSpanId)] != "GET graphql":
					t.Errorf("%s is in %s", name, of[hex.EncodeToString(span.ParentSpanId)])
				}
			}
			statements := 0
			for _, span := range spans {
				if strings.Contains(span.String(), "db.query.text") && span.EndTimeUnixNano >= span.StartTimeUnixNano {
					statements++
				}
			}
			if statements < 5 {
				t.Errorf("%d statements are told", statements)
			}
			if !strings.Contains(all.String(), "clinic") {
				t.Error("the name of the service is not told")
			}
			for _, planted := range []string{"Planted", "Arjun", asha.Token, asha.Email, harness.Password, "9876543210"} {
				if strings.Contains(all.String(), planted) {
					t.Errorf("the collector is told %q", planted)
				}
			}
		})
	}
}
