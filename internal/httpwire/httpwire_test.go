package httpwire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func reader(s string) *bufio.Reader { return bufio.NewReaderSize(strings.NewReader(s), 4096) }

func parse(t *testing.T, raw string) Request {
	t.Helper()
	head, err := ReadHead(reader(raw), 32<<10)
	if err != nil {
		t.Fatalf("ReadHead: %v", err)
	}
	var req Request
	if err := ParseRequest(head, &req); err != nil {
		t.Fatalf("ParseRequest: %v", err)
	}
	return req
}

func TestParseRequestKeepsSpelling(t *testing.T) {
	got := parse(t, "POST /cwmp?a=b HTTP/1.1\r\nHost: acs\r\nSOAPAction:\r\ncontent-type : text/xml\r\n\r\n")
	want := Request{Method: "POST", Target: "/cwmp?a=b", Minor: 1, Fields: Fields{
		{"Host", "acs"}, {"SOAPAction", ""}, {"content-type", "text/xml"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestC35_OddHeads accepts what old stacks send.
func TestC35_OddHeads(t *testing.T) {
	for name, raw := range map[string]string{
		"bare LF":          "POST / HTTP/1.1\nHost: a\nX: 1\n\n",
		"mixed line ends":  "POST / HTTP/1.1\r\nHost: a\nX: 1\n\r\n",
		"leading newlines": "\r\n\nPOST / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n",
		"blank at colon":   "POST / HTTP/1.1\r\nhost \t: a\r\nx :1 \r\n\r\n",
		"folded":           "POST / HTTP/1.1\r\nHost:\r\n a\r\nX: 1\r\n\r\n",
		"two blanks":       "POST  /  HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			req := parse(t, raw)
			if req.Target != "/" || req.Fields.Get("Host") != "a" || req.Fields.Get("X") != "1" {
				t.Errorf("got %+v", req)
			}
		})
	}
}

func TestReadHeadAcrossReads(t *testing.T) {
	raw := "POST / HTTP/1.1\r\nHost: a\r\nLong: " + strings.Repeat("x", 9000) + "\r\n\r\nbody"
	br := bufio.NewReaderSize(iotest{strings.NewReader(raw)}, 64)
	head, err := ReadHead(br, 32<<10)
	if err != nil || head != strings.TrimSuffix(raw, "body") {
		t.Fatalf("head of %d bytes, %v", len(head), err)
	}
	rest, _ := io.ReadAll(br)
	if string(rest) != "body" {
		t.Errorf("rest %q", rest)
	}
}

// iotest gives one byte a read.
type iotest struct{ r io.Reader }

func (o iotest) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

func TestReadHeadErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		raw  string
		want error
	}{
		"nothing":   {"", io.EOF},
		"cut":       {"POST / HTTP/1.1\r\nHost", io.ErrUnexpectedEOF},
		"too large": {"POST / HTTP/1.1\r\nA: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", ErrHeadTooLarge},
		"endless":   {strings.Repeat("\r\n", 40<<10), ErrHeadTooLarge},
	} {
		if _, err := ReadHead(reader(tc.raw), 32<<10); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestParseRequestErrors(t *testing.T) {
	for _, tc := range []struct {
		raw  string
		want error
	}{
		{"\x16\x03\x01\x02\r\n\r\n", ErrMalformed},
		{"POST\r\n\r\n", ErrMalformed},
		{"POST /\r\n\r\n", ErrMalformed},
		{"POST / HTTP/2.0\r\n\r\n", ErrVersion},
		{"POST /a b HTTP/1.1\r\n\r\n", ErrMalformed},
		{"POST / HTTP/1.1\r\nno colon\r\n\r\n", ErrMalformed},
		{"POST / HTTP/1.1\r\nA b: c\r\n\r\n", ErrMalformed},
		{"POST / HTTP/1.1\r\n: c\r\n\r\n", ErrMalformed},
		{"POST / HTTP/1.1\r\nA: b\rX: c\r\n\r\n", ErrMalformed},
		{"POST / HTTP/1.1\r\nA: b\x00c\r\n\r\n", ErrMalformed},
		{"POST / HTTP/1.1\r\n folded\r\n\r\n", ErrMalformed},
		{"POST / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", maxFields+1) + "\r\n", ErrHeadTooLarge},
	} {
		var req Request
		if err := ParseRequest(tc.raw, &req); !errors.Is(err, tc.want) {
			t.Errorf("%.40q: %v, want %v", tc.raw, err, tc.want)
		}
	}
}

func TestParseResponse(t *testing.T) {
	for raw, want := range map[string]Response{
		"HTTP/1.1 200 OK\r\n\r\n":                      {Status: 200, Reason: "OK", Minor: 1},
		"HTTP/1.0 204\r\n\r\n":                         {Status: 204},
		"HTTP/1.1 401  Not  you \n\n":                  {Status: 401, Reason: "Not  you", Minor: 1},
		"HTTP/1.1 200 OK\r\nwww-AUTH: a\r\n b\r\n\r\n": {Status: 200, Reason: "OK", Minor: 1, Fields: Fields{{"www-AUTH", "a b"}}},
	} {
		var got Response
		if err := ParseResponse(raw, &got); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", raw, diff)
		}
	}
	for _, raw := range []string{"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 -10 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "garbage\r\n\r\n"} {
		if err := ParseResponse(raw, new(Response)); err == nil {
			t.Errorf("%q was accepted", raw)
		}
	}
}

// TestC24_NoLengthIsNoBody and the framings that would let a request be
// smuggled.
func TestRequestFraming(t *testing.T) {
	for _, tc := range []struct {
		fields Fields
		minor  int
		want   Framing
		err    error
	}{
		{nil, 1, Framing{}, nil},
		{Fields{{"content-length", "5"}}, 1, Framing{Length: 5}, nil},
		{Fields{{"Content-Length", "5"}, {"Content-Length", "5"}}, 1, Framing{Length: 5}, nil},
		{Fields{{"Content-Length", "5, 5"}}, 1, Framing{Length: 5}, nil},
		{Fields{{"Content-Length", "5"}, {"Content-Length", "6"}}, 1, Framing{}, ErrLength},
		{Fields{{"Content-Length", "+5"}}, 1, Framing{}, ErrLength},
		{Fields{{"Content-Length", "-5"}}, 1, Framing{}, ErrLength},
		{Fields{{"Content-Length", "0x5"}}, 1, Framing{}, ErrLength},
		{Fields{{"Content-Length", ""}}, 1, Framing{}, ErrLength},
		{Fields{{"Content-Length", "99999999999999999999"}}, 1, Framing{}, ErrLength},
		{Fields{{"Transfer-Encoding", "Chunked"}}, 1, Framing{Length: -1, Chunked: true}, nil},
		{Fields{{"Transfer-Encoding", "identity"}, {"Content-Length", "3"}}, 1, Framing{Length: 3}, nil},
		{Fields{{"Transfer-Encoding", "chunked"}, {"Content-Length", "3"}}, 1, Framing{}, ErrBothLengths},
		{Fields{{"Transfer-Encoding", "gzip, chunked"}}, 1, Framing{}, ErrEncoding},
		{Fields{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, 1, Framing{}, ErrEncoding},
		{Fields{{"Transfer-Encoding", "chunked"}}, 0, Framing{}, ErrEncoding},
	} {
		got, err := (&Request{Minor: tc.minor, Fields: tc.fields}).Framing()
		if !errors.Is(err, tc.err) || err == nil && got != tc.want {
			t.Errorf("%v: %+v, %v", tc.fields, got, err)
		}
	}
}

func TestReadBody(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 20<<10)
	for name, tc := range map[string]struct {
		raw  string
		f    Framing
		want string
		err  error
	}{
		"none":             {"next", Framing{}, "", nil},
		"length":           {"12345next", Framing{Length: 5}, "12345", nil},
		"big":              {big + "next", Framing{Length: int64(len(big))}, big, nil},
		"chunked":          {"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\nnext", Framing{Length: -1, Chunked: true}, "abcde", nil},
		"chunked bare LF":  {"3\nabc\n0\n\nnext", Framing{Length: -1, Chunked: true}, "abc", nil},
		"to EOF":           {big, Framing{Length: -1, ToEOF: true}, big, nil},
		"short":            {"123", Framing{Length: 5}, "", io.ErrUnexpectedEOF},
		"too large":        {"", Framing{Length: 1 << 20}, "", ErrBodyTooLarge},
		"chunks too large": {"100000\r\n", Framing{Length: -1, Chunked: true}, "", ErrBodyTooLarge},
		"bad chunk":        {"zz\r\n", Framing{Length: -1, Chunked: true}, "", ErrChunk},
		"negative chunk":   {"-1\r\n", Framing{Length: -1, Chunked: true}, "", ErrChunk},
		"chunk overrun":    {"3\r\nabcd\r\n0\r\n\r\n", Framing{Length: -1, Chunked: true}, "", ErrChunk},
		"long chunk line":  {strings.Repeat("1", 5000), Framing{Length: -1, Chunked: true}, "", ErrChunk},
		"long trailer":     {"0\r\n" + strings.Repeat("T: x\r\n", 2000) + "\r\n", Framing{Length: -1, Chunked: true}, "", ErrChunk},
		"EOF in chunk":     {"5\r\nab", Framing{Length: -1, Chunked: true}, "", io.ErrUnexpectedEOF},
		"endless":          {big + big + big + big, Framing{Length: -1, ToEOF: true}, "", ErrBodyTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			br := reader(tc.raw)
			got, err := ReadBody(br, tc.f, 1<<20-1, nil, nil)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			if string(got) != tc.want {
				t.Errorf("got %d bytes, want %d", len(got), len(tc.want))
			}
			if rest, _ := io.ReadAll(br); !tc.f.ToEOF && string(rest) != "next" {
				t.Errorf("left %.20q on the connection", rest)
			}
		})
	}
}

// TestReadBodyTrustsOnlyWhatArrives: a lying length costs no memory.
func TestReadBodyTrustsOnlyWhatArrives(t *testing.T) {
	buf, err := ReadBody(reader("little"), Framing{Length: 1 << 30}, 1<<31, nil, nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || cap(buf) > 2*firstRead {
		t.Errorf("capacity %d after 6 bytes, %v", cap(buf), err)
	}
	refused := errors.New("no memory left")
	body := strings.Repeat("x", 3*firstRead)
	if _, err := ReadBody(reader(body), Framing{Length: int64(len(body))}, 1<<31, nil, func(int) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("reserve was not asked: %v", err)
	}
}

// TestReadBodyReservesWhatItTakes: however small the pieces that a body comes
// in, all memory beyond the first is asked for.
func TestReadBodyReservesWhatItTakes(t *testing.T) {
	const size = 1 << 20
	for name, tc := range map[string]struct {
		f    Framing
		body string
	}{
		"length":       {Framing{Length: size}, strings.Repeat("x", size)},
		"to the end":   {Framing{Length: -1, ToEOF: true}, strings.Repeat("x", size)},
		"tiny chunks":  {Framing{Length: -1, Chunked: true}, strings.Repeat("1\r\nx\r\n", size) + "0\r\n\r\n"},
		"small chunks": {Framing{Length: -1, Chunked: true}, strings.Repeat("400\r\n"+strings.Repeat("x", 1<<10)+"\r\n", size>>10) + "0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			reserved := 0
			buf, err := ReadBody(reader(tc.body), tc.f, size, nil, func(n int) error { reserved += n; return nil })
			if err != nil || len(buf) != size {
				t.Fatalf("%d bytes, %v", len(buf), err)
			}
			if cap(buf) > reserved+firstRead || cap(buf) > 2*size+firstRead {
				t.Errorf("takes %d bytes, has asked for %d", cap(buf), reserved)
			}
		})
	}
}

// TestReasonIsClean: a reason phrase ends no line in anybody's eyes.
func TestReasonIsClean(t *testing.T) {
	var resp Response
	if err := ParseResponse("HTTP/1.1 200 O\rSet-Cookie: a=b\r\n\r\n", &resp); err != nil || resp.Reason != "" {
		t.Errorf("reason %q, %v", resp.Reason, err)
	}
}

// FuzzRequest holds the parser against net/http: what both accept, they read
// alike, and what we write back, both read again.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"POST /x HTTP/1.0\r\nSOAPAction: \"\"\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"\r\nPOST / HTTP/1.1\nHost : a\n\n",
		"POST / HTTP/1.0\nContent-Length :1\n\n000",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		br := bufio.NewReader(bytes.NewReader(data))
		head, err := ReadHead(br, 32<<10)
		if err != nil {
			return
		}
		var req Request
		if ParseRequest(head, &req) != nil {
			return
		}
		framing, err := req.Framing()
		if err != nil {
			return
		}
		body, err := ReadBody(br, framing, 1<<20, nil, nil)
		if err != nil {
			return
		}
		compareWithNetHTTP(t, data, &req, body)
	})
}

func compareWithNetHTTP(t *testing.T, data []byte, req *Request, body []byte) {
	std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
	if err != nil || std.ProtoMajor != 1 {
		return
	}
	stdBody, err := io.ReadAll(std.Body)
	if err != nil {
		return
	}
	for name := range std.Header {
		if strings.TrimSpace(name) != name || std.Header.Values(name) == nil {
			return // net/http keeps blanks in names, we do not (quirk C-35), be it that of the length
		}
	}
	if std.Method != req.Method || std.RequestURI != req.Target || !bytes.Equal(stdBody, body) {
		t.Errorf("%q %q with %q, net/http reads %q %q with %q", req.Method, req.Target, body, std.Method, std.RequestURI, stdBody)
	}
	for name, values := range std.Header {
		if got := req.Fields.Get(name); got != values[0] {
			t.Errorf("field %q is %q, net/http reads %q", name, got, values[0])
		}
	}
}

func BenchmarkReadRequest(b *testing.B) {
	raw := []byte("POST / HTTP/1.1\r\nHost: 127.0.0.1:7547\r\nUser-Agent: easycwmp\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nSOAPAction:\r\nContent-Length: 2\r\n\r\nab")
	src := bytes.NewReader(raw)
	br := bufio.NewReader(src)
	var req Request
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(raw)
		br.Reset(src)
		head, err := ReadHead(br, 32<<10)
		if err != nil {
			b.Fatal(err)
		}
		if err := ParseRequest(head, &req); err != nil {
			b.Fatal(err)
		}
	}
}
