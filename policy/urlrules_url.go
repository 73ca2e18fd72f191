package policy

import (
	"net/url"
	"strconv"
	"strings"
)

// Limits of a ManagementServer.URL in characters (TR-098, TR-181), and of the
// URLs in Download, Upload and ScheduleDownload (TR-069 A.3.2.8, A.4.1.5).
const (
	maxURLTR098  = 256
	maxURLDevice = 2048
	maxFileURL   = 256
)

// urlLimit is how long a ManagementServer.URL may be. A CPE of TR-106 keeps 256
// characters as well, but has the same root as one of TR-181.
func urlLimit(root string) int {
	if root == RootDevice {
		return maxURLDevice
	}
	return maxURLTR098
}

// urlProblem says why a URL cannot be a CPE's, "" when it can.
func urlProblem(s string, limit int) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "is not a URL such as https://acs.isp.example/cwmp"
	case len(s) > limit:
		return "is longer than " + strconv.Itoa(limit) + " characters, more than a CPE keeps"
	}
	return ""
}

// SameURL tells whether two URLs lead to the same place: scheme and host in any
// case, the default port written or not, no path or "/". What else differs, a
// server may tell apart.
func SameURL(a, b string) bool {
	if a == b {
		return true
	}
	originA, restA := splitURL(a)
	originB, restB := splitURL(b)
	return originA == originB && rooted(restA) == rooted(restB)
}

// splitURL returns scheme, user, host and port of a URL in one spelling, and the
// rest as it is written. What is no URL is all rest.
func splitURL(s string) (origin, rest string) {
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "", s
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	origin = scheme + "://" + u.User.String() + "@" + strings.ToLower(u.Hostname()) + ":" + port
	_, after, _ := strings.Cut(s, "://")
	if i := strings.IndexAny(after, "/?#"); i >= 0 {
		rest = after[i:]
	}
	return origin, rest
}

// rooted returns the rest of a URL with the slash that no path stands for.
func rooted(rest string) string {
	if strings.HasPrefix(rest, "/") {
		return rest
	}
	return "/" + rest
}

// under tells whether a URL is a base or lies below it, and what it has beyond
// it: nothing, or a further path, query or fragment.
func under(base, s string) (suffix string, ok bool) {
	origin, path := splitURL(base)
	itsOrigin, rest := splitURL(s)
	if path != "" {
		rest = rooted(rest)
	}
	suffix, ok = strings.CutPrefix(rest, path)
	if !ok || origin == "" || origin != itsOrigin {
		return "", false
	}
	return suffix, suffix == "" || strings.HasSuffix(path, "/") || begins(suffix)
}

// begins tells whether a suffix begins a path, query or fragment by itself.
func begins(suffix string) bool { return suffix != "" && strings.ContainsAny(suffix[:1], "/?#") }

// withoutSecrets returns a URL as people may see it.
func withoutSecrets(s string) string {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		s = u.Redacted()
	}
	return visible(s)
}
