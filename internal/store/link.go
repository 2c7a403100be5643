package store

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// How long PostgreSQL may be silent before the network is suspected, and what
// follows. If the network loses every packet, a call fails after patience and
// probeTimeout, 5 seconds. If only the answer to the call was lost, it fails after
// the limit of its statement and silenceMargin, 7 seconds.
const (
	patience      = 2 * time.Second        // until the server is asked whether it is there
	probeTimeout  = 3 * time.Second        // for its answer
	probePause    = 250 * time.Millisecond // between two questions to a server that is lost
	silenceMargin = time.Second            // after statement_timeout, by which the server has answered
	writeTimeout  = 5 * time.Second        // of one message
	ackTimeout    = 5 * time.Second        // TCP_USER_TIMEOUT: until sent data is acknowledged
)

// keepAlive finds out which idle connections are dead.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// dialer makes connections whose reads and writes end, whatever the network
// does. It tells a silent network from a statement that takes its time by
// asking the server over a second connection. It may be used concurrently.
type dialer struct {
	net     net.Dialer
	silence time.Duration // longest wait for an answer; 0 is no limit
	done    context.Context
	close   context.CancelFunc

	mu    sync.Mutex
	peers map[string]*peer // by address
}

// newDialer returns a dialer. Closing it ends what it does in the background.
func newDialer(silence time.Duration) *dialer {
	d := &dialer{silence: silence, peers: map[string]*peer{}}
	d.net = net.Dialer{KeepAliveConfig: keepAlive, Control: setAckTimeout}
	d.done, d.close = context.WithCancel(context.Background())
	return d
}

// errLost is the failure of a connection to a server that is lost.
var errLost = errors.New("the server does not answer")

// DialContext connects, or fails at once while the server is lost.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	p := d.peers[address]
	if p == nil {
		p = &peer{dialer: d, network: network, address: address, links: map[*link]bool{}}
		d.peers[address] = p
	}
	d.mu.Unlock()
	if p.isLost() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errLost}
	}
	start := time.Now()
	c, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		if timedOut(err) && time.Since(start) >= patience {
			p.lose()
		}
		return nil, err
	}
	l := &link{Conn: c, peer: p, closed: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = true
	p.mu.Unlock()
	return l, nil
}

// Dial and DialTimeout complete the interface of lib/pq, which calls
// DialContext.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(d.done, network, address)
}

func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.done, timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// peer is a server at one address.
type peer struct {
	dialer           *dialer
	network, address string
	heard            atomic.Int64 // when it sent something last, in nanoseconds of Unix time

	mu     sync.Mutex
	links  map[*link]bool
	lost   bool          // it does not answer; nobody waits for it meanwhile
	asking chan struct{} // closed when the question under way is answered; nil without one
}

func (p *peer) hear() { p.heard.Store(time.Now().UnixNano()) }

func (p *peer) lastHeard() time.Time { return time.Unix(0, p.heard.Load()) }

func (p *peer) isLost() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// answers tells whether the server answers a new connection; if not, it is lost.
// All who ask at once share one question. One who stops waiting is told yes.
func (p *peer) answers(stop <-chan struct{}) bool {
	p.mu.Lock()
	if p.lost {
		p.mu.Unlock()
		return false
	}
	if p.asking == nil {
		p.asking = make(chan struct{})
		go func() {
			if !p.probe() {
				p.lose()
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			close(p.asking)
			p.asking = nil
		}()
	}
	asking := p.asking
	p.mu.Unlock()
	select {
	case <-asking:
	case <-stop:
	}
	return !p.isLost()
}

// lose closes every connection to the server, so that all who wait fail now,
// and lets new ones fail at once until the server answers again.
func (p *peer) lose() {
	p.mu.Lock()
	if p.lost {
		p.mu.Unlock()
		return
	}
	p.lost = true
	links := p.links
	p.links = map[*link]bool{}
	p.mu.Unlock()
	for l := range links {
		l.Close()
	}
	go func() {
		for !p.probe() {
			select {
			case <-p.dialer.done.Done():
				return
			case <-time.After(probePause):
			}
		}
		p.mu.Lock()
		p.lost = false
		p.mu.Unlock()
	}()
}

// sslRequest is the first message of a client that wants to know whether the
// server has TLS. Every server answers it with one byte, before any sign-in.
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

// probe asks the server on a connection of its own whether it is there. A
// refusal is an answer too; silence is none.
func (p *peer) probe() bool {
	ctx, cancel := context.WithTimeout(p.dialer.done, probeTimeout)
	defer cancel()
	c, err := p.dialer.net.DialContext(ctx, p.network, p.address)
	if err == nil {
		defer c.Close()
		deadline, _ := ctx.Deadline()
		c.SetDeadline(deadline)
		if _, err = c.Write(sslRequest); err == nil {
			_, err = io.ReadFull(c, make([]byte, 1))
		}
	}
	if timedOut(err) {
		return false
	}
	p.hear()
	return true
}

// link is a connection to a server.
type link struct {
	net.Conn
	peer     *peer
	deadline atomic.Pointer[time.Time] // set by the user of the connection
	once     sync.Once
	closed   chan struct{}
}

// SetDeadline limits the following reads and writes in addition to the limits
// that every one has.
func (l *link) SetDeadline(t time.Time) error {
	l.deadline.Store(&t)
	return l.Conn.SetDeadline(t)
}

// Read waits for an answer as long as the server is there, but not longer than
// the dialer allows. The connection is closed when it gives up.
func (l *link) Read(b []byte) (int, error) {
	start := time.Now()
	var last time.Time // when to give up
	if l.peer.dialer.silence > 0 {
		last = start.Add(l.peer.dialer.silence)
	}
	if own := l.deadline.Load(); own != nil {
		last = earlier(last, *own)
	}
	for {
		suspicious := l.peer.lastHeard().Add(patience)
		if first := start.Add(patience); first.After(suspicious) {
			suspicious = first
		}
		if err := l.Conn.SetReadDeadline(earlier(suspicious, last)); err != nil {
			return 0, err
		}
		n, err := l.Conn.Read(b)
		if n > 0 {
			l.peer.hear()
		}
		if n > 0 || !timedOut(err) {
			return n, err
		}
		now := time.Now()
		if !last.IsZero() && !now.Before(last) || !now.Before(suspicious) && !l.peer.answers(l.closed) {
			l.Close()
			return n, err
		}
	}
}

// Write fails if the message cannot be sent in 5 seconds. The connection is
// closed when it fails.
func (l *link) Write(b []byte) (int, error) {
	last := time.Now().Add(writeTimeout)
	if own := l.deadline.Load(); own != nil {
		last = earlier(last, *own)
	}
	if err := l.Conn.SetWriteDeadline(last); err != nil {
		return 0, err
	}
	n, err := l.Conn.Write(b)
	if err != nil {
		l.Close()
	}
	return n, err
}

// Close closes the connection; whoever reads from it fails.
func (l *link) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		l.peer.mu.Lock()
		delete(l.peer.links, l)
		l.peer.mu.Unlock()
		close(l.closed)
		err = l.Conn.Close()
	})
	return err
}

// earlier returns the earlier of two times; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// timedOut tells whether nothing came in time, from a server or a name server.
func timedOut(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}
