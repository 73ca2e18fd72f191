package simnet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// Violation says that a reply broke what a make insists on. The session is
// over, as it is for the real client.
type Violation struct {
	Quirk  string // id of the quirk table, such as "C-22"
	Detail string
}

// Error implements error.
func (v *Violation) Error() string { return "quirk " + v.Quirk + ": " + v.Detail }

func violation(quirk, format string, args ...any) *Violation {
	return &Violation{Quirk: quirk, Detail: fmt.Sprintf(format, args...)}
}

// Rules are what a make insists on in replies. The zero value accepts all that
// HTTP and CWMP allow.
type Rules struct {
	NeedReason      bool  // a status line without a reason phrase is an error, C-22
	NoChunked       bool  // chunked replies are an error, C-21 and C-68
	MaxLine         int   // bytes of a header line, C-23; 0 means no limit
	MaxFields       int   // header fields, C-23
	MaxCookie       int   // bytes of a Set-Cookie value, C-23
	OneCookie       bool  // two Set-Cookie lines in one reply are an error, C-06
	Statuses        []int // all that are understood, C-26; nil means any
	Only2xx         bool  // anything else kills the client, C-68; it knows no 401
	EmptyNeeds204   bool  // "200, empty" is a failure, C-25
	NoDeclaration   bool  // replies must begin with "<prefix:Envelope", C-64
	QualifiedNames  bool  // cwmp:ID and cwmp:InformResponse by that spelling, C-51
	PrefixedOnly    bool  // no default namespace on the Envelope, C-51
	IDUnderstood    bool  // cwmp:ID must carry mustUnderstand="1", protocol notes 1.6
	MaxID           int   // bytes of cwmp:ID, protocol notes 1.6
	InformMaxNeeded bool  // InformResponse must hold MaxEnvelopes, C-58
}

// checkHead judges the raw head of a reply, before anything is parsed.
func (r *Rules) checkHead(head string) error {
	line, rest, _ := strings.Cut(head, "\n")
	_, code, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
	if _, reason, _ := strings.Cut(code, " "); r.NeedReason && strings.TrimSpace(reason) == "" {
		return violation("C-22", "status line %q has no reason phrase", line)
	}
	fields := 0
	for l := range strings.Lines(rest) {
		if l = strings.TrimRight(l, "\r\n"); l == "" {
			break
		}
		if fields++; r.MaxLine > 0 && len(l) >= r.MaxLine {
			return violation("C-23", "header line %.40q has %d bytes", l, len(l))
		}
	}
	if r.MaxFields > 0 && fields > r.MaxFields {
		return violation("C-23", "reply has %d header fields", fields)
	}
	return nil
}

// checkReply judges a parsed head.
func (r *Rules) checkReply(resp *httpwire.Response) error {
	switch {
	case r.NoChunked && resp.Fields.Has("Transfer-Encoding"):
		return violation("C-21", "reply is chunked")
	case r.Only2xx && resp.Status/100 != 2:
		return violation("C-68", "status %d", resp.Status)
	case r.Statuses != nil && !slices.Contains(r.Statuses, resp.Status):
		return violation("C-26", "status %d is not understood", resp.Status)
	case resp.Status == 401 && !resp.Fields.Has("WWW-Authenticate"):
		return violation("C-29", "401 without a challenge")
	}
	return r.checkCookies(setCookies(resp.Fields))
}

func (r *Rules) checkCookies(cookies []string) error {
	if r.OneCookie && len(cookies) > 1 {
		return violation("C-06", "%d Set-Cookie lines in one reply", len(cookies))
	}
	for _, c := range cookies {
		if r.MaxCookie > 0 && len(c) > r.MaxCookie {
			return violation("C-23", "Set-Cookie has %d bytes", len(c))
		}
	}
	return nil
}

// checkEmpty judges a reply without a body.
func (r *Rules) checkEmpty(status int) error {
	if r.EmptyNeeds204 && status == 200 {
		return violation("C-25", "200 with an empty body")
	}
	return nil
}

// checkBody judges the bytes of an envelope.
func (r *Rules) checkBody(body []byte) error {
	if r.NoDeclaration && strings.HasPrefix(string(body), "<?xml") {
		return violation("C-64", "reply begins with an XML declaration")
	}
	return nil
}

// checkMessage judges the envelope of an ACS.
func (r *Rules) checkMessage(m acsMessage) error {
	switch {
	case r.PrefixedOnly && m.prefix() == "":
		return violation("C-51", "Envelope without a prefix")
	case r.QualifiedNames && m.id != nil && qualified(m.id.name) != "cwmp:ID":
		return violation("C-51", "cwmp:ID is spelled %q", qualified(m.id.name))
	case r.QualifiedNames && m.method != "Fault" && m.rpc.name.Space != "cwmp":
		return violation("C-51", "RPC is spelled %q", qualified(m.rpc.name))
	case r.MaxID > 0 && len(m.idText()) > r.MaxID:
		return violation("C-63", "cwmp:ID has %d bytes", len(m.idText()))
	case r.InformMaxNeeded && m.method == "InformResponse" && m.rpc.value("MaxEnvelopes") == "":
		return violation("C-58", "InformResponse without MaxEnvelopes")
	}
	if r.IDUnderstood && m.id != nil {
		if must, _ := m.id.attr("mustUnderstand"); must != "1" {
			return violation("C-63", "cwmp:ID has mustUnderstand=%q", must)
		}
	}
	return nil
}

// setCookies returns the Set-Cookie values of a reply in their order.
func setCookies(fields httpwire.Fields) []string {
	var values []string
	for i := range fields {
		if strings.EqualFold(fields[i].Name, "Set-Cookie") {
			values = append(values, fields[i].Value)
		}
	}
	return values
}
