package policy

import (
	"net/url"
	"slices"
	"strconv"
)

// Arguments of Download, Upload and ScheduleDownload that hold URLs (TR-069
// A.3.2.8, A.4.1.5). The last two are of Download alone.
const (
	FileURL        = "URL"
	FileSuccessURL = "SuccessURL"
	FileFailureURL = "FailureURL"
)

// FileURLRule replaces the beginning of the URLs of files: those that a CPE
// cannot reach where the ACS names them.
type FileURLRule struct {
	From string `yaml:"from"` // as the ACS writes it
	To   string `yaml:"to"`   // as the CPE gets it
}

// FileURLs are the rules of one ACS; the first that matches wins.
type FileURLs []FileURLRule

// Validate reports what is wrong with the rules.
func (f FileURLs) Validate(report func(key, value, problem string)) {
	for i, rule := range f {
		at := "[" + strconv.Itoa(i) + "]."
		if problem := fileURLProblem(rule.From); problem != "" {
			report(at+"from", withoutSecrets(rule.From), problem)
		}
		if problem := fileURLProblem(rule.To); problem != "" {
			report(at+"to", withoutSecrets(rule.To), problem)
		}
		if slices.ContainsFunc(f[:i], func(r FileURLRule) bool { _, ok := under(r.From, rule.From); return ok }) {
			report(at+"from", withoutSecrets(rule.From), "is never reached: a rule before it takes all that begins so")
		}
		if slices.ContainsFunc(f[:i], func(r FileURLRule) bool { return SameURL(r.To, rule.To) }) {
			report(at+"to", withoutSecrets(rule.To), "is also that of a rule before it: what a CPE reports could not be told apart")
		}
	}
}

func fileURLProblem(s string) string {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "is missing: a URL such as http://files.isp.example/fw"
	case err != nil || u.Scheme == "" || u.Host == "":
		return "is not a URL such as http://files.isp.example/fw"
	case len(s) > maxFileURL:
		return "is longer than 256 characters, more than a CPE takes"
	}
	return ""
}

// ToCPE says what becomes of a URL in an argument of an RPC. One that would be
// longer than TR-069 allows is refused as the URL of a file; SuccessURL and
// FailureURL, which are for a person's browser, stay as they are then.
func (f FileURLs) ToCPE(argument, value string) URLVerdict {
	for _, rule := range f {
		suffix, ok := under(rule.From, value)
		if !ok {
			continue
		}
		to := prefixes{rule.From, rule.To}.toCPE(suffix)
		switch {
		case len(to) <= maxFileURL:
			return URLVerdict{Action: URLReplaced, Value: to, Reason: "begins with " + withoutSecrets(rule.From)}
		case argument == FileURL:
			return URLVerdict{Action: URLRefused, Fault: faultArguments, Alarm: true, Reason: "the gateway's URL for it is longer than 256 characters"}
		}
		return URLVerdict{Action: URLKept, Value: value, Alarm: true, Reason: "the gateway's URL for it is longer than 256 characters"}
	}
	return URLVerdict{Action: URLKept, Value: value, Reason: "no rule replaces it"}
}

// ToACS returns what the ACS is shown of the URL of a file that a CPE reports,
// as in AutonomousTransferComplete.
func (f FileURLs) ToACS(value string) string {
	for _, rule := range f {
		if suffix, ok := under(rule.To, value); ok {
			return prefixes{rule.From, rule.To}.toACS(suffix)
		}
	}
	return value
}
