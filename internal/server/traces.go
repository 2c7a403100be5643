package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"caregraph/internal/request"
)

// Traces sends traces to an OpenTelemetry collector.
type Traces struct{ *sdktrace.TracerProvider }

// StartTraces returns what sends traces over HTTP to the collector that the environment names by
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, and nil if it names none, or
// OTEL_SDK_DISABLED or OTEL_TRACES_EXPORTER says that nothing is traced. All other OTEL_ variables
// mean what OpenTelemetry's specification says. Stop must be called.
func StartTraces(ctx context.Context, getenv func(string) string) (*Traces, error) {
	if getenv("OTEL_EXPORTER_OTLP_ENDPOINT")+getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" || getenv("OTEL_SDK_DISABLED") == "true" || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("caregraph"), semconv.ServiceVersion(Version())), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, err
	}
	return &Traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))}, nil
}

// stopTraces is how long the collector may take for what is left.
const stopTraces = 5 * time.Second

// Stop sends what is left. ctx may have ended.
func (t *Traces) Stop(ctx context.Context) {
	if t == nil {
		return
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTraces)
	defer cancel()
	t.Shutdown(ending)
}

// tracer returns what makes spans, or nil.
func (t *Traces) tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.Tracer("caregraph")
}

// trace wraps a handler with a span for each request. It continues the trace of a trusted proxy
// (W3C Trace Context), and is only linked to that of anybody else.
func (t *Traces) trace(h http.Handler, proxies request.Proxies) http.Handler {
	if t == nil {
		return h
	}
	return otelhttp.NewHandler(h, "request",
		otelhttp.WithTracerProvider(t), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool { return !proxies.Sent(r) }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + door(r) }),
		otelhttp.WithFilter(func(r *http.Request) bool { return door(r) != "page" }))
}
