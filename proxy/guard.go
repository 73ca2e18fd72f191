package proxy

import (
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// GuardInput is what is known of a session when its guard is asked for.
type GuardInput struct {
	// Device and Root are empty while no Inform has named the device.
	Device cwmp.DeviceID
	Root   string // "Device." or "InternetGatewayDevice."; "" if the Inform tells none
	ACS    string // that holds the session
	Home   string // the ACS that the session belongs to: ACS, but for a backup
}

// Guard says what becomes of URLs between one ACS and one CPE (quirk C-60). Its
// functions must be pure but for notes of their own: they are called once for
// each value, by the session's goroutine, and must not block. Each may be nil.
type Guard struct {
	// ToCPE judges a ManagementServer.URL that the ACS sets.
	ToCPE func(url string) URLVerdict
	// ToACS returns what the ACS is shown of the ManagementServer.URL that the CPE
	// reports, and false where that is the CPE's own.
	ToACS func(url string) (string, bool)
	// FileURL returns what takes the place of the URL of a file, and false where it
	// stays. kind is one of FileKinds. What is longer than the standard allows is
	// not used.
	FileURL func(kind, url string) (string, bool)
}

// URLAction is what becomes of a URL.
type URLAction uint8

// URLActions.
const (
	URLKeep URLAction = iota
	URLReplace
	URLRefuse
)

// URLVerdict is what becomes of a ManagementServer.URL that an ACS sets.
type URLVerdict struct {
	Action URLAction
	Value  string // what the CPE is set to, of URLReplace
	// Fault is the CWMP fault code of the parameter, of URLRefuse: the RPC is
	// answered with 9003 and this one for the URL. "" means 9001, request denied.
	Fault  string
	Alarm  bool   // an operator should know
	Reason string // for people
}

// Limits of the URLs of files in characters (TR-069 A.3.2.8, A.3.3.3).
const (
	maxFileURL     = 256
	maxReportedURL = 1024
)

// fileLimits are the kinds of URLs that Guard.FileURL is asked for, with their
// limits: of requests toward the CPE, and of its AutonomousTransferComplete.
var fileLimits = map[string]int{
	cwmp.MethodDownload + ".URL":                           maxFileURL,
	cwmp.MethodDownload + ".SuccessURL":                    maxFileURL,
	cwmp.MethodDownload + ".FailureURL":                    maxFileURL,
	cwmp.MethodUpload + ".URL":                             maxFileURL,
	cwmp.MethodScheduleDownload + ".URL":                   maxFileURL,
	cwmp.MethodAutonomousTransferComplete + ".AnnounceURL": maxReportedURL,
	cwmp.MethodAutonomousTransferComplete + ".TransferURL": maxReportedURL,
}

// FileKinds are the kinds of URLs that Guard.FileURL is asked for.
func FileKinds() []string {
	kinds := make([]string, 0, len(fileLimits))
	for kind := range fileLimits {
		kinds = append(kinds, kind)
	}
	return kinds
}

// Elements of RPCs that hold URLs of files.
var (
	offeredFiles  = []string{"URL", "SuccessURL", "FailureURL"}
	reportedFiles = []string{"AnnounceURL", "TransferURL"}
)

// guarding is what stands between the ACS and the CPE of one session. It is made
// anew if the session falls back to another ACS.
type guarding struct {
	acs     string
	known   bool // the device was, when it was made
	urls    Guard
	allow   func(method string) bool // nil for all
	dialect cwmp.Dialect             // of the CPE

	owed       []byte // faults that the ACS has not taken without an answer to its challenge
	challenges int    // to what is owed
}

// guard makes sure that the session has its guard for the ACS that it is with. r
// is the CPE's message at hand.
func (s *Server) guard(sess *session, r *request) {
	if s.deps.Guard == nil && s.deps.Filter == nil {
		return
	}
	acs := sess.up.cfg.Name
	if g := sess.guard; g != nil && g.acs == acs && g.known == sess.known {
		return
	}
	g := &guarding{acs: acs, known: sess.known, dialect: cloneDialect(r.msg.Dialect)}
	in := GuardInput{Device: sess.device, Root: sess.root, ACS: acs, Home: sess.route.Home}
	if s.deps.Guard != nil {
		if urls := s.deps.Guard(in); urls != nil {
			g.urls = *urls
		}
	}
	if s.deps.Filter != nil {
		g.allow = s.deps.Filter(in)
	}
	sess.guard = g
}

// mayEdit tells whether bodies of the CPE may have to change, so that no digest
// answer should cover them.
func (s *Server) mayEdit(sess *session) bool {
	if s.deps.Shown != nil {
		return true
	}
	return sess.guard != nil && (sess.guard.urls.ToCPE != nil || sess.guard.urls.ToACS != nil || sess.guard.urls.FileURL != nil || sess.guard.allow != nil)
}

// isManagementURL selects the URL of the ACS, of both roots.
func isManagementURL(name []byte) bool {
	return string(name) == "Device.ManagementServer.URL" || string(name) == "InternetGatewayDevice.ManagementServer.URL"
}

// params selects what is to be read of the ACS's SetParameterValues, besides what
// others select.
func (g *guarding) params(others func([]byte) bool) func([]byte) bool {
	switch {
	case g == nil || g.urls.ToCPE == nil:
		return others
	case others == nil:
		return isManagementURL
	}
	return func(name []byte) bool { return isManagementURL(name) || others(name) }
}

// elements selects what is to be read of the ACS's other requests.
func (g *guarding) elements(others []string) []string {
	switch {
	case g == nil || g.urls.FileURL == nil:
		return others
	case len(others) == 0:
		return offeredFiles
	}
	return append(others[:len(others):len(others)], offeredFiles...)
}

// fileEdits adds the edits of URLs of files in one message, of either side.
func (s *Server) fileEdits(sess *session, m *cwmp.Message, action string, edits []cwmp.Edit) []cwmp.Edit {
	g := sess.guard
	for i := range m.Elements {
		e := &m.Elements[i]
		kind := m.Method + "." + e.Name
		limit := fileLimits[kind]
		if limit == 0 || e.Value == "" {
			continue
		}
		value, replace := g.urls.FileURL(kind, e.Value)
		switch {
		case !replace || value == e.Value:
		case len([]rune(value)) > limit:
			s.countGuard(g, "file_too_long")
		default:
			s.countGuard(g, action)
			sess.leg.edits.add(kind)
			edits = append(edits, cwmp.Edit{At: e.At, Text: value})
		}
	}
	return edits
}

func (s *Server) countGuard(g *guarding, action string) {
	s.metrics.guard.WithLabelValues(g.acs, action).Inc()
}

// alarm tells the operator what an ACS tries to do with its CPEs, now and then:
// it will try with all of them.
func (s *Server) alarm(sess *session, value, action, reason string) {
	s.alarms.Do(func() {
		s.log.Warn("acs sets another ManagementServer.URL", zap.String("acs", sess.up.cfg.Name), zap.Stringer("device", sess.device),
			zap.String("url", presentable(value)), zap.String("action", action), zap.String("reason", reason))
	})
}

// maxLoggedURL bounds a URL in a log line, in bytes.
const maxLoggedURL = 300

// presentable is a URL without a password, fit for a log line.
func presentable(raw string) string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Opaque != "" {
		return "unreadable"
	}
	u.RawQuery, u.Fragment = "", "" // may hold tokens
	text := u.Redacted()
	return text[:min(len(text), maxLoggedURL)]
}
