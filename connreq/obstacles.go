package connreq

// Obstacles says for each transport why a device cannot be reached that way, ""
// where it can be tried. It does no I/O.
func (s *Service) Obstacles(t *Target) (udp, http string) {
	udp, http = "is off: connection_request.udp.disabled", "is off: connection_request.http.disabled"
	for _, w := range s.ways {
		switch _, reason := w.Check(t); w.Name() {
		case UDP:
			udp = reason
		case HTTP:
			http = reason
		}
	}
	return udp, http
}
