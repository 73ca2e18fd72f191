package simnet

import (
	"bytes"
	"compress/gzip"
	"context"
	"net"
	"strconv"
	"time"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// Misbehaviour is what an ACS does wrong with one request. The zero value does
// all right. Fields combine; where they exclude each other the first listed
// wins. But for Redirect and Status, the request takes its normal effect on the
// session.
type Misbehaviour struct {
	Redirect string // answers with a redirect there, instead of anything else
	Status   int    // of the redirect (302 when zero), or of an error page
	Page     string // body of the error page, sent as text/html

	Delay         time.Duration // before the reply
	Drop          bool          // closes without a reply
	Raw           []byte        // sent as they are instead of the reply
	Interim       []int         // statuses of interim replies before it, such as 100, 102
	Partial       int           // closes after so many bytes of the reply
	Close         bool          // "Connection: close", and does
	CloseSilently bool          // closes after the reply without saying so

	StatusLine  string // replaces the status line
	NoReason    bool   // leaves out the reason phrase (C-22)
	EmptyAs200  bool   // 200 with an empty body instead of 204 (C-25)
	HTTP10      bool
	Chunked     bool // sends the body chunked (C-21)
	ToEOF       bool // neither length nor chunks: the body ends with the connection
	Gzip        bool
	ExtraLength int              // is added to the Content-Length
	Fields      []httpwire.Field // are added to the head
	Pad         int              // makes an envelope larger by so many bytes
	Body        []byte           // replaces the body
	Piece       int              // writes the reply in pieces of so many bytes
	PieceDelay  time.Duration    // between two pieces
}

// write sends a reply with its misbehaviour and reports whether the connection
// goes on.
func (c *acsConn) write(ctx context.Context, r reply, bad Misbehaviour) bool {
	if sleep(ctx, bad.Delay) != nil || bad.Drop {
		return false
	}
	r.ends = r.ends || bad.Close || bad.ToEOF || bad.HTTP10
	b := bad.Raw
	if b == nil {
		b = c.acs.render(r, bad)
	}
	if bad.Partial > 0 && bad.Partial < len(b) {
		b, r.ends = b[:bad.Partial], true
	}
	if !writePieces(ctx, c.nc, b, bad.Piece, bad.PieceDelay) {
		return false
	}
	return !r.ends && !bad.CloseSilently
}

// writeTimeout bounds the patience with a client that does not read.
const writeTimeout = time.Minute

func writePieces(ctx context.Context, nc net.Conn, b []byte, piece int, delay time.Duration) bool {
	nc.SetWriteDeadline(time.Now().Add(writeTimeout))
	for piece > 0 && len(b) > piece {
		if _, err := nc.Write(b[:piece]); err != nil {
			return false
		}
		b = b[piece:]
		if sleep(ctx, delay) != nil {
			return false
		}
	}
	_, err := nc.Write(b)
	return err == nil
}

// render spells a reply in the order of GenieACS.
func (a *ACS) render(r reply, bad Misbehaviour) []byte {
	bad.spoil(&r)
	b := make([]byte, 0, 512+len(r.body))
	for _, status := range bad.Interim {
		b = append(httpwire.AppendStatus(b, 1, status, ""), "\r\n"...)
	}
	b = bad.appendStatus(b, r.Status)
	switch {
	case bad.Chunked:
		b = httpwire.AppendField(b, "Transfer-Encoding", "chunked")
	case !bad.ToEOF:
		b = httpwire.AppendLength(b, len(r.body)+bad.ExtraLength)
	}
	b = httpwire.AppendField(b, "Server", "simnet")
	if r.Status == 200 && len(r.body) > 0 {
		b = httpwire.AppendField(b, "Content-Type", `text/xml; charset="utf-8"`)
	}
	for _, list := range [][]httpwire.Field{r.Fields, bad.Fields} {
		for _, f := range list {
			b = httpwire.AppendField(b, f.Name, f.Value)
		}
	}
	b = httpwire.AppendField(b, "Date", a.cfg.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	if r.ends {
		b = append(b, "Connection: close\r\n\r\n"...)
	} else {
		b = append(b, "Connection: keep-alive\r\n\r\n"...)
	}
	if bad.Chunked {
		return append(b, chunk(r.body)...)
	}
	return append(b, r.body...)
}

// spoil changes the body and what depends on it.
func (bad *Misbehaviour) spoil(r *reply) {
	if bad.EmptyAs200 && r.Status == 204 {
		r.Status = 200
	}
	if bad.Body != nil {
		r.body = bad.Body
	}
	if bad.Pad > 0 && r.Status == 200 && len(r.body) > 0 {
		r.body = pad(r.body, bad.Pad)
	}
	if bad.Gzip && len(r.body) > 0 {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(r.body) // a bytes.Buffer never fails
		_ = w.Close()
		r.body = b.Bytes()
		r.Fields = append(r.Fields, httpwire.Field{Name: "Content-Encoding", Value: "gzip"})
	}
	if r.Status == 204 {
		r.body, bad.Chunked = nil, false
	}
}

// pad puts n bytes of comment before the end of an envelope.
func pad(body []byte, n int) []byte {
	end := bytes.LastIndex(body, []byte("</"))
	if end < 0 {
		return body
	}
	comment := append(append([]byte("<!--"), bytes.Repeat([]byte("x"), max(n-7, 0))...), "-->"...)
	return append(append(append([]byte(nil), body[:end]...), comment...), body[end:]...)
}

func (bad *Misbehaviour) appendStatus(b []byte, status int) []byte {
	minor := 1
	if bad.HTTP10 {
		minor = 0
	}
	switch {
	case bad.StatusLine != "":
		return append(append(b, bad.StatusLine...), "\r\n"...)
	case bad.NoReason:
		return append(strconv.AppendInt(append(b, "HTTP/1."+strconv.Itoa(minor)+" "...), int64(status), 10), "\r\n"...)
	}
	return httpwire.AppendStatus(b, minor, status, "")
}
