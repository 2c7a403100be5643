package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"caregraph/internal/sample"
	"caregraph/internal/storetest"
)

// Sizes of the measurement of subscriptions.
const (
	subscriptions    = 2_000
	toldSubscribers  = 500
	changesPerSecond = 200
)

// measureLive prints the memory of the server under subscriptions, each on a connection of its
// own, and what it costs to tell 500 of them of changes: of the kind and the id, and of the
// patient, which the access log then tells of. The changes are updates over the same server.
func (o *options) measureLive(ctx context.Context, binary string, postgres *storetest.Server) error {
	return with(ctx, binary, postgres, "live", sample.Full, func(b *bench) error {
		server := b.targets[0]
		settled := func() (bytes, goroutines int, err error) {
			if err := server.collect(); err != nil {
				return 0, 0, err
			}
			if goroutines, err = server.goroutines(); err != nil {
				return 0, 0, err
			}
			bytes, _, err = server.resident()
			return bytes, goroutines, err
		}
		for _, selection := range []string{"kind id", "kind id patient { name address }"} {
			for _, clinics := range []int{5, 1} {
				before, goroutines, err := settled()
				if err != nil {
					return err
				}
				var told atomic.Int64
				var connections []*websocket.Conn
				var reading sync.WaitGroup
				closeAll := func() {
					for _, c := range connections {
						c.CloseNow()
					}
					reading.Wait()
				}
				for i := range subscriptions {
					user := i % clinics
					if i >= toldSubscribers {
						user = clinics + i%(len(b.tokens)-clinics)
					}
					c, err := subscribe(ctx, server.url, b.tokens[user], "subscription { patientChanged { "+selection+" } }")
					if err != nil {
						closeAll()
						return err
					}
					connections = append(connections, c)
					reading.Go(func() {
						for {
							if _, _, err := c.Read(ctx); err != nil {
								return
							}
							told.Add(1)
						}
					})
				}
				after, _, err := settled()
				if err != nil {
					closeAll()
					return err
				}
				fmt.Printf("%s, %d clinics: %d subscriptions take %.1f MiB, %.1f beside\n", selection, clinics, subscriptions, float64(after)/mebibyte, float64(before)/mebibyte)
				cpuBefore, begin, changes := server.cpu(), time.Now(), 0
				ticker := time.NewTicker(time.Second / changesPerSecond)
				for time.Since(begin) < time.Duration(o.seconds)*time.Second {
					<-ticker.C
					user := changes%clinics + 1
					op := operation{name: "change", document: "mutation($id: ID!, $a: String!) { updatePatient(id: $id, input: {address: $a}) { id } }"}
					if _, err := send(ctx, op, server, b.tokens[user-1], map[string]any{"id": user + b.size.Users*(changes/clinics%100), "a": fmt.Sprint("Lane ", changes)}); err != nil {
						closeAll()
						return err
					}
					changes++
				}
				ticker.Stop()
				time.Sleep(500 * time.Millisecond)
				seconds := time.Since(begin).Seconds()
				fmt.Printf("%s, %d clinics: %.0f changes/s to %d subscribers: %.0f messages/s, %.2f cores of the server\n",
					selection, clinics, float64(changes)/seconds, toldSubscribers/clinics, float64(told.Load())/seconds, (server.cpu()-cpuBefore).Seconds()/seconds)
				closeAll()
				time.Sleep(time.Second)
				_, left, err := settled()
				if err != nil {
					return err
				}
				fmt.Printf("%s, %d clinics: %d goroutines before, %d after all have left\n", selection, clinics, goroutines, left)
			}
		}
		return nil
	})
}

// subscribe opens a WebSocket, signs in, and subscribes.
func subscribe(ctx context.Context, url, token, document string) (*websocket.Conn, error) {
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		return nil, err
	}
	for _, message := range []string{
		fmt.Sprintf(`{"type":"connection_init","payload":{"Authorization":"Bearer %s"}}`, token),
		fmt.Sprintf(`{"type":"subscribe","id":"1","payload":{"query":%q}}`, document),
	} {
		if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			return nil, err
		}
	}
	_, _, err = c.Read(ctx) // the acknowledgement
	return c, err
}
