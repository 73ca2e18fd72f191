package simnet

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // TR-069 Annex G names HMAC-SHA1
	"encoding/hex"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxWake bounds one exchange of a Connection Request.
const maxWake = 40 * time.Second

// Wake sends an HTTP Connection Request as an ACS does: it asks, is challenged,
// answers by digest on a new connection, and returns the last status.
func Wake(ctx context.Context, connectionRequestURL, username, password string) (status int, err error) {
	u, err := url.Parse(connectionRequestURL)
	if err != nil || u.Scheme != "http" {
		return 0, fmt.Errorf("ConnectionRequestURL %q: want http://host:port/path", connectionRequestURL)
	}
	status, header, err := getOnce(ctx, u, "")
	if err != nil || status != 401 {
		return status, err
	}
	scheme, p := parseAuth(header.Get("Www-Authenticate"))
	if !strings.EqualFold(scheme, "digest") {
		return status, fmt.Errorf("challenge %q is not digest", scheme)
	}
	d := digest{
		Algorithm: p["algorithm"], Username: username, Realm: p["realm"], Password: password,
		Method: "GET", URI: u.RequestURI(), Nonce: p["nonce"],
	}
	if p["qop"] != "" {
		d.QOP, d.NC, d.CNonce = "auth", "00000001", randomCNonce()
	}
	status, _, err = getOnce(ctx, u, d.header(p["opaque"]))
	return status, err
}

// header is the Authorization field of the answer.
func (d digest) header(opaque string) string {
	text := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"`,
		d.Username, d.Realm, d.Nonce, d.URI, d.response())
	if d.QOP != "" {
		text += fmt.Sprintf(`, qop=%s, nc=%s, cnonce="%s"`, d.QOP, d.NC, d.CNonce)
	}
	if opaque != "" {
		text += fmt.Sprintf(`, opaque="%s"`, opaque)
	}
	return text
}

// getOnce does one GET on a connection of its own.
func getOnce(ctx context.Context, u *url.URL, authorization string) (status int, header textproto.MIMEHeader, err error) {
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "80")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(maxWake)); err != nil {
		return 0, nil, err
	}
	head := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nConnection: close\r\n"
	if authorization != "" {
		head += "Authorization: " + authorization + "\r\n"
	}
	if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
		return 0, nil, err
	}
	r := textproto.NewReader(bufio.NewReader(conn))
	line, err := r.ReadLine()
	if err != nil {
		return 0, nil, err
	}
	_, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	if status, err = strconv.Atoi(code); err != nil {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	header, err = r.ReadMIMEHeader()
	return status, header, err
}

// UDPConnectionRequest makes the datagram that GenieACS sends to address, a
// UDPConnectionRequestAddress (TR-069 Annex G).
func UDPConnectionRequest(address, username, password string, now time.Time) []byte {
	ts, id, cn := strconv.FormatInt(now.Unix(), 10), strconv.Itoa(int(now.UnixNano()%(1<<30))+1), hex.EncodeToString(randomBytes(8))
	mac := hmac.New(sha1.New, []byte(password))
	mac.Write([]byte(ts + id + username + cn))
	return fmt.Appendf(nil, "GET http://%s?ts=%s&id=%s&un=%s&cn=%s&sig=%s HTTP/1.1\r\nHost: %s\r\n\r\n",
		address, ts, id, username, cn, hex.EncodeToString(mac.Sum(nil)), address)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // which never fails
	return b
}
