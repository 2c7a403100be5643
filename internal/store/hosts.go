package store

import (
	"cmp"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/lib/pq"
)

// Unverified tells whether a URL of PostgreSQL names another machine to which the connection is not
// verified to go (sslmode=verify-full).
func Unverified(databaseURL string) bool {
	if !strings.HasPrefix(databaseURL, "postgres") {
		return false
	}
	cfg, err := pq.NewConfig(databaseURL)
	if err != nil || cfg.SSLMode == pq.SSLModeVerifyFull {
		return false // what cannot be read is told elsewhere
	}
	hosts := []string{cfg.Host}
	for _, other := range cfg.Multi {
		hosts = append(hosts, other.Host)
	}
	return slices.ContainsFunc(hosts, func(host string) bool {
		ip := net.ParseIP(host)
		here := host == "" || host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || ip != nil && ip.IsLoopback()
		return !here
	})
}

// severalHosts matches a URL with several hosts in the place of one.
var severalHosts = regexp.MustCompile(`^(postgres(?:ql)?://(?:[^@/?]*@)?)([^@/?]*,[^@/?]*)(/[^?]*)?(?:\?(.*))?$`)

// Hosts returns the URL with its hosts where lib/pq looks for several. libpq takes them in the
// place of one, too, each with its port: postgres://a:1,b:2/caregraph. Any other URL is returned
// as it is.
func Hosts(databaseURL string) string {
	parts := severalHosts.FindStringSubmatch(databaseURL)
	if parts == nil {
		return databaseURL
	}
	var hosts, ports []string
	for _, one := range strings.Split(parts[2], ",") {
		host, port, err := net.SplitHostPort(one)
		if err != nil {
			host = strings.Trim(one, "[]")
		}
		hosts, ports = append(hosts, host), append(ports, cmp.Or(port, "5432"))
	}
	query := "host=" + strings.Join(hosts, ",") + "&port=" + strings.Join(ports, ",")
	if parts[4] != "" {
		query += "&" + parts[4]
	}
	return parts[1] + cmp.Or(parts[3], "/") + "?" + query
}
