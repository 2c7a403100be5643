package server

import (
	"maps"
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	"github.com/rs/cors"
)

// secure adds the headers that keep a browser from using an answer in a way it
// was not meant for (OWASP Secure Headers Project).
func secure(h http.Handler) http.Handler {
	headers := http.Header{}
	for name, value := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "no-referrer",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		headers.Set(name, value)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), headers) // no handler adds a value to one of them, so all answers can share the values
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.ServeHTTP(w, r)
	})
}

// compressFrom is the size in bytes from which an answer is compressed. A smaller
// one fits in a few packets anyway, and costs more to compress than to make.
const compressFrom = 8 << 10

// compressed sends large answers of h by gzip, at its fastest, to clients that
// accept it.
func compressed(h http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.EnableZstd(false))
	if err != nil {
		panic(err) // the settings are constants
	}
	return wrap(h)
}

// page lets the page of Swagger UI run its own scripts.
func page(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self' data: 'unsafe-inline'; frame-ancestors 'none'")
		h.ServeHTTP(w, r)
	})
}

// crossOrigin lets the pages of other origins use the API if the configuration
// names them; none by default.
func crossOrigin(cfg Config) *cors.Cors {
	allowed := cfg.origins()
	if len(allowed) == 0 {
		allowed = []string{"null:"} // no browser sends this origin; an empty list would allow all of them
	}
	return cors.New(cors.Options{
		AllowedOrigins:   allowed,
		AllowCredentials: cfg.AllowCredentials,
		AllowedMethods:   []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
		AllowedHeaders:   []string{"Authorization", "Content-Type", "Accept", "If-Match", "If-None-Match", "Idempotency-Key"},
		ExposedHeaders:   []string{"Link", "Retry-After", "X-Request-Id", "WWW-Authenticate", "ETag", "Idempotency-Replayed"},
		MaxAge:           600, // seconds
	})
}
