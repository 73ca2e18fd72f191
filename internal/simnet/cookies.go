package simnet

import "strings"

// CookieMode is how a make keeps and returns cookies.
type CookieMode uint8

// The modes, after the clients in which they were found.
const (
	CookiesAll        CookieMode = iota // a jar by name, as libcurl
	CookiesNone                         // never returns one, quirk C-05
	CookiesFirst                        // the first Set-Cookie of each reply only
	CookiesFromInform                   // netcwmp: the InformResponse's first, echoed raw with its attributes
	CookiesReplace                      // RDK-B: any Set-Cookie replaces the whole jar, 8 at most
	CookiesEcho                         // evcpe: attributes come back as cookies
	CookiesRFC2965                      // $Version="1"; name="value"; $Path="/"
	CookiesComma                        // several cookies joined by commas
	CookiesSeparate                     // one Cookie line for each
)

// rdkMaxCookies is the size of RDK-B's jar.
const rdkMaxCookies = 8

// jar keeps the cookies of one session.
type jar struct {
	mode    CookieMode
	cookies []cookie
	raw     string // of CookiesFromInform and CookiesEcho
}

type cookie struct{ name, value, path string }

// store takes the Set-Cookie values of a reply; afterInform tells the reply
// that carried the InformResponse.
func (j *jar) store(values []string, afterInform bool) {
	if len(values) == 0 {
		return
	}
	switch j.mode {
	case CookiesNone:
	case CookiesFromInform:
		if afterInform {
			j.raw = values[0]
		}
	case CookiesEcho:
		j.raw = values[0]
	case CookiesFirst:
		j.put(parseSetCookie(values[0]))
	case CookiesReplace:
		j.cookies = nil
		for _, v := range values[:min(len(values), rdkMaxCookies)] {
			j.put(parseSetCookie(v))
		}
	default:
		for _, v := range values {
			j.put(parseSetCookie(v))
		}
	}
}

func (j *jar) put(c cookie) {
	for i := range j.cookies {
		if j.cookies[i].name == c.name {
			j.cookies[i] = c
			return
		}
	}
	j.cookies = append(j.cookies, c)
}

func parseSetCookie(s string) cookie {
	pair, attrs, _ := strings.Cut(s, ";")
	name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
	c := cookie{name: name, value: strings.Trim(value, `"`)}
	for attr := range strings.SplitSeq(attrs, ";") {
		if key, v, _ := strings.Cut(strings.TrimSpace(attr), "="); strings.EqualFold(key, "path") {
			c.path = v
		}
	}
	return c
}

// lines returns the values of the Cookie fields to send, usually one or none.
func (j *jar) lines() []string {
	if j.raw != "" {
		return []string{j.raw}
	}
	if len(j.cookies) == 0 {
		return nil
	}
	var pairs []string
	for _, c := range j.cookies {
		pairs = append(pairs, j.pair(c))
	}
	switch j.mode {
	case CookiesSeparate:
		return pairs
	case CookiesComma:
		return []string{strings.Join(pairs, ", ")}
	case CookiesRFC2965:
		return []string{`$Version="1"; ` + strings.Join(pairs, "; ")}
	}
	return []string{strings.Join(pairs, "; ")}
}

func (j *jar) pair(c cookie) string {
	if j.mode != CookiesRFC2965 {
		return c.name + "=" + c.value
	}
	pair := c.name + `="` + c.value + `"`
	if c.path != "" {
		pair += `; $Path="` + c.path + `"`
	}
	return pair
}
