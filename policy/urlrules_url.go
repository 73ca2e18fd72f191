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

// sameURL tells whether two URLs lead to the same place: scheme and host in any
// case, the default port written or not, no path or "/". What else differs, a
// server may tell apart.
func sameURL(a, b string) bool {
	return a == b || canonicalURL(a) == canonicalURL(b)
}

// canonicalURL returns a URL in one spelling. What is no URL stays as it is.
func canonicalURL(s string) string {
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return s
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	_, afterScheme, _ := strings.Cut(s, "://")
	rest := ""
	if i := strings.IndexAny(afterScheme, "/?#"); i >= 0 {
		rest = afterScheme[i:]
	}
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	return scheme + "://" + u.User.String() + "@" + host + ":" + port + rest
}

// withoutSecrets returns a URL as people may see it.
func withoutSecrets(s string) string {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		s = u.Redacted()
	}
	return visible(s)
}
