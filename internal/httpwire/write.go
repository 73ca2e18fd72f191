package httpwire

import "strconv"

// AppendField appends "Name: value" and a line end.
func AppendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// AppendLength appends a Content-Length field.
func AppendLength(b []byte, n int) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, "\r\n"...)
}

// AppendStatus appends a status line. The reason is never empty: netcwmp
// refuses a status line without one (quirk C-22).
func AppendStatus(b []byte, minor, status int, reason string) []byte {
	if reason == "" {
		reason = Reason(status)
	}
	b = append(b, "HTTP/1."...)
	b = append(b, byte('0'+minor), ' ')
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, reason...)
	return append(b, "\r\n"...)
}

var reasons = map[int]string{
	100: "Continue", 200: "OK", 204: "No Content", 302: "Found", 307: "Temporary Redirect",
	400: "Bad Request", 401: "Unauthorized", 405: "Method Not Allowed", 408: "Request Timeout",
	415: "Unsupported Media Type", 503: "Service Unavailable",
}

// Reason returns the reason phrase of a status.
func Reason(status int) string {
	if r, ok := reasons[status]; ok {
		return r
	}
	return "Status " + strconv.Itoa(status)
}
