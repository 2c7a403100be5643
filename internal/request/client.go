package request

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// Client is who sent a request, as far as the network tells.
type Client struct {
	Address   netip.Addr
	UserAgent string // at most 300 characters
}

// maxUserAgent bounds what is kept of a header.
const maxUserAgent = 300 // characters

type clientKey struct{}

// ClientOf returns who sent the request that ctx belongs to.
func ClientOf(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}

// Network returns the part of the address that stands for one client: all of
// it, or the first 64 bits of IPv6, of which one client may have any number.
func (c Client) Network() string {
	if c.Address.Is6() {
		prefix, err := c.Address.Prefix(64)
		if err == nil {
			return prefix.String()
		}
	}
	return c.Address.String()
}

// Proxies are the networks whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// Sent tells whether one of the proxies sent a request.
func (p Proxies) Sent(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && p.trusts(from.Addr().Unmap().WithZone(""))
}

// client returns who sent a request: the address of the connection, or, if
// that is a trusted proxy, the last address in X-Forwarded-For that is not.
func (p Proxies) client(r *http.Request) Client {
	var address netip.Addr
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		address = from.Addr().Unmap().WithZone("")
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.trusts(address); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop.Unmap().WithZone("")
	}
	agent := strings.ToValidUTF8(strings.ReplaceAll(r.UserAgent(), "\x00", ""), "")
	if utf8.RuneCountInString(agent) > maxUserAgent {
		agent = string([]rune(agent)[:maxUserAgent])
	}
	return Client{address, agent}
}

func (p Proxies) trusts(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}
