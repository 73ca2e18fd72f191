package simnet

import (
	"strconv"
	"strings"
)

// parseAnyOrder reads a request as TR-111 2.2.3 has it: an absolute URI with an
// empty path, decimal numbers without leading zeros (vector N4), no argument
// twice.
func parseAnyOrder(datagram string) (requestFields, error) {
	line, _, ok := strings.Cut(datagram, "\r\n")
	method, rest, _ := strings.Cut(line, " ")
	uri, version, _ := strings.Cut(rest, " ")
	authority, query, hasQuery := strings.Cut(strings.TrimPrefix(uri, "http://"), "?")
	switch {
	case !ok || !strings.HasSuffix(datagram, "\r\n\r\n"):
		return requestFields{}, refuse(RuleForm, "head is not complete")
	case method != "GET" || version != "HTTP/1.1":
		return requestFields{}, refuse(RuleForm, "request line is not GET ... HTTP/1.1")
	case !strings.HasPrefix(uri, "http://") || !hasQuery || authority == "" || strings.Contains(authority, "/"):
		return requestFields{}, refuse(RuleForm, "URI is not http://host:port?query")
	}
	f, err := splitQuery(query, true)
	if err != nil {
		return f, err
	}
	for _, n := range []struct {
		name, text string
		value      *int64
	}{{"ts", f.ts, &f.tsNumber}, {"id", f.id, &f.idNumber}} {
		value, err := strconv.ParseUint(n.text, 10, 63)
		if err != nil || strconv.FormatUint(value, 10) != n.text {
			return f, refuse(RuleForm, "%s %q is no plain decimal number", n.name, n.text)
		}
		*n.value = int64(value)
	}
	return f, nil
}

// splitQuery reads the arguments in any order.
func splitQuery(query string, once bool) (requestFields, error) {
	var f requestFields
	seen := map[string]bool{}
	targets := map[string]*string{"ts": &f.ts, "id": &f.id, "un": &f.un, "cn": &f.cn, "sig": &f.sig}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if once && seen[key] {
			return f, refuse(RuleForm, "%s is there twice", key)
		}
		seen[key] = true
		if target := targets[key]; target != nil {
			*target = value
		}
	}
	for _, key := range []string{"ts", "id", "un", "cn", "sig"} {
		if !seen[key] {
			return f, refuse(RuleForm, "%s is missing", key)
		}
	}
	return f, nil
}

// parseWorks wants GET, HTTP/1.1 and a question mark.
func parseWorks(datagram string) (requestFields, error) {
	line, _, _ := strings.Cut(datagram, "\n")
	if !strings.HasPrefix(line, "GET ") || !strings.Contains(line, "HTTP/1.1") {
		return requestFields{}, refuse(RuleForm, "no GET ... HTTP/1.1")
	}
	_, query, ok := strings.Cut(line, "?")
	if !ok {
		return requestFields{}, refuse(RuleForm, "no question mark")
	}
	query, _, _ = strings.Cut(query, " ")
	f, err := splitQuery(query, true)
	f.tsNumber, f.idNumber = leadingNumber(f.ts), leadingNumber(f.id)
	return f, err
}

// parseCWMPc reads numbers with atoi, which knows 31 bits.
func parseCWMPc(datagram string) (requestFields, error) {
	_, uri, ok := strings.Cut(datagram, "http://")
	_, query, hasQuery := strings.Cut(uri, "?")
	if !ok || !hasQuery {
		return requestFields{}, refuse(RuleForm, "no http://...?")
	}
	query, _, _ = strings.Cut(query, " ")
	f, err := splitQuery(query, false)
	if err != nil {
		return f, err
	}
	f.tsNumber, f.idNumber = leadingNumber(f.ts), leadingNumber(f.id)
	if f.tsNumber != int64(int32(f.tsNumber)) || f.idNumber != int64(int32(f.idNumber)) {
		return f, refuse(RuleForm, "ts or id does not fit 31 bits")
	}
	return f, nil
}

// icwmpBuffer is what un, cn and sig are copied into, with no check.
const icwmpBuffer = 64

// parseICWMP looks for the first "ts=", "id=", ... anywhere, reads the numbers
// with %u and writes them anew into the text that is signed.
func parseICWMP(datagram string) (requestFields, error) {
	if !strings.Contains(datagram, "http") && !strings.Contains(datagram, "HTTP") {
		return requestFields{}, refuse(RuleForm, "no http")
	}
	var f requestFields
	for key, target := range map[string]*string{"ts=": &f.ts, "id=": &f.id, "un=": &f.un, "cn=": &f.cn, "sig=": &f.sig} {
		_, after, ok := strings.Cut(datagram, key)
		if !ok {
			return f, refuse(RuleForm, "no %q", key)
		}
		if end := strings.IndexAny(after, "& \r\n"); end >= 0 {
			after = after[:end]
		}
		*target = after
	}
	if max(len(f.un), len(f.cn), len(f.sig)) >= icwmpBuffer {
		return f, refuse(RuleLength, "un, cn or sig overruns 64 bytes: client crashes")
	}
	f.tsNumber, f.idNumber = int64(uint32(leadingNumber(f.ts))), int64(uint32(leadingNumber(f.id)))
	f.text = strconv.FormatInt(f.tsNumber, 10) + strconv.FormatInt(f.idNumber, 10) + f.un + f.cn
	return f, nil
}

// parseRDKB wants an absolute http URI in a line that a line feed ends.
func parseRDKB(datagram string) (requestFields, error) {
	line, _, ok := strings.Cut(datagram, "\n")
	rest, isGet := strings.CutPrefix(line, "GET ")
	rest, isAbsolute := strings.CutPrefix(strings.TrimLeft(rest, " "), "http://")
	_, query, hasQuery := strings.Cut(rest, "?")
	if !ok || !isGet || !isAbsolute || !hasQuery {
		return requestFields{}, refuse(RuleForm, "no GET http://...? with a line feed")
	}
	query, _, _ = strings.Cut(query, " ")
	f, err := splitQuery(query, false)
	f.tsNumber, f.idNumber = leadingNumber(f.ts), leadingNumber(f.id)
	return f, err
}

// parseOrange wants "?ts=" first and the others in one order, and writes the
// numbers anew into the text that is signed.
func parseOrange(datagram string) (requestFields, error) {
	if !strings.HasPrefix(datagram, "GET") || !strings.Contains(datagram, "HTTP/1.1") {
		return requestFields{}, refuse(RuleForm, "no GET ... HTTP/1.1")
	}
	var f requestFields
	rest := datagram
	for _, arg := range []struct {
		key    string
		end    string
		target *string
	}{{"?ts=", "&", &f.ts}, {"id=", "&", &f.id}, {"un=", "&", &f.un}, {"cn=", "&", &f.cn}, {"sig=", " ", &f.sig}} {
		before, after, ok := strings.Cut(rest, arg.key)
		if !ok || arg.key != "?ts=" && before != "" {
			return f, refuse(RuleForm, "%q is not where it is expected", arg.key)
		}
		if *arg.target, rest, ok = strings.Cut(after, arg.end); !ok {
			return f, refuse(RuleForm, "no %q behind %q", arg.end, arg.key)
		}
	}
	f.tsNumber, f.idNumber = leadingNumber(f.ts), leadingNumber(f.id)
	f.text = strconv.FormatInt(f.tsNumber, 10) + strconv.FormatInt(f.idNumber, 10) + f.un + f.cn
	return f, nil
}

// leadingNumber reads decimal digits as C does: up to the first other byte, and
// no more than 64 bits.
func leadingNumber(s string) int64 {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64) // out of range gives the limit, as strtoll
	return n
}
