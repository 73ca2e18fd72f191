package capture

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/httpwire"
	"github.com/acsgate/acsgate/internal/simnet"
)

// Reply is what came back for one request of a played conversation.
type Reply struct {
	Head string // raw
	httpwire.Response
	Body []byte
}

// playTimeout bounds each exchange of a played conversation.
const playTimeout = 30 * time.Second

const (
	maxHead = 256 << 10
	maxBody = 64 << 20
)

// Play sends the CPE's side of a conversation to an address, each session over
// a connection of its own, and returns the replies, one for each of Turns. All
// bytes are as captured but for the values of cookies: what a captured reply
// set is replaced by what the actual reply set in its place.
func (c Conversation) Play(ctx context.Context, address string) ([]Reply, error) {
	var replies []Reply
	for _, turns := range c.Sessions() {
		got, err := playSession(ctx, address, turns)
		replies = append(replies, got...)
		if err != nil {
			return replies, fmt.Errorf("conversation %s: %w", c.Name, err)
		}
	}
	return replies, nil
}

func playSession(ctx context.Context, address string, turns []Turn) ([]Reply, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	br := bufio.NewReader(conn)
	var replies []Reply
	swaps := map[string]string{}
	for _, t := range turns {
		conn.SetDeadline(time.Now().Add(playTimeout))
		if _, err := conn.Write(t.Request.withCookies(swaps)); err != nil {
			return replies, fmt.Errorf("%s: %w", t.Request.Name, err)
		}
		r, err := readReply(br)
		if err != nil {
			return replies, fmt.Errorf("reply to %s: %w", t.Request.Name, err)
		}
		replies = append(replies, r)
		noteCookies(swaps, t.Reply, r)
	}
	return replies, nil
}

func readReply(br *bufio.Reader) (r Reply, err error) {
	if r.Head, err = httpwire.ReadHead(br, maxHead); err != nil {
		return r, err
	}
	if err = httpwire.ParseResponse(r.Head, &r.Response); err != nil {
		return r, err
	}
	framing, err := r.Framing()
	if err != nil {
		return r, err
	}
	r.Body, err = httpwire.ReadBody(br, framing, maxBody, nil, nil)
	return r, err
}

// noteCookies maps the cookie that the captured reply set to the actual one.
func noteCookies(swaps map[string]string, captured Message, actual Reply) {
	resp, _, err := captured.Response()
	if err != nil || !resp.Fields.Has("Set-Cookie") {
		return
	}
	pair := func(f httpwire.Fields) string {
		value, _, _ := strings.Cut(f.Get("Set-Cookie"), ";")
		return value
	}
	swaps[pair(resp.Fields)] = pair(actual.Fields)
}

// withCookies replaces cookie values; a line without a cookie left is dropped.
func (m Message) withCookies(swaps map[string]string) []byte {
	head, body := m.split()
	var b strings.Builder
	for line := range strings.Lines(head) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Cookie") {
			for captured, actual := range swaps {
				value = strings.ReplaceAll(value, captured, actual)
			}
			if strings.TrimSpace(value) == "" {
				continue
			}
			line = name + ":" + value
		}
		b.WriteString(line)
	}
	return []byte(b.String() + body)
}

// Answers makes a simnet.ACS give the captured replies, in order, whatever it
// is asked; beyond the last it answers as it would without.
func (c Conversation) Answers() func(*simnet.Exchange) simnet.Misbehaviour {
	var mu sync.Mutex
	turns := c.Turns()
	return func(*simnet.Exchange) simnet.Misbehaviour {
		mu.Lock()
		defer mu.Unlock()
		if len(turns) == 0 {
			return simnet.Misbehaviour{}
		}
		raw := turns[0].Reply.Raw
		turns = turns[1:]
		return simnet.Misbehaviour{Raw: raw}
	}
}
