package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

func (b *bench) haproxyCommand(p *proxy, s setup) (command, error) {
	program, err := look("haproxy")
	if err != nil {
		return command{}, err
	}
	file, err := b.writeConfig("haproxy-*.cfg", haproxyConfig(p.listen, s))
	return command{argv: []string{program, "-db", "-f", file}}, err
}

// haproxyConfig is HAProxy with one thread, nothing logged, and a connection
// to the ACS per CPE connection, never shared.
func haproxyConfig(listen string, s setup) string {
	bind := listen
	if s.cert != nil {
		bind += " ssl crt " + strconv.Quote(s.cert.pemFile) + " alpn http/1.1 ssl-min-ver TLSv1.2 no-tls-tickets curves P-256"
	}
	return fmt.Sprintf(`global
    nbthread 1
    # No client resumes, so a cache of TLS sessions would be cost without use.
    tune.ssl.cachesize 0
defaults
    mode http
    timeout connect 10s
    timeout client 10m
    timeout server 10m
    timeout http-keep-alive 10m
    timeout http-request 10m
listen cpe
    bind %s
    option forwardfor
    http-reuse never
    server acs %s
`, bind, s.acs)
}

func (b *bench) nginxCommand(p *proxy, s setup, keepalive bool) (command, error) {
	program, err := look("nginx")
	if err != nil {
		return command{}, err
	}
	file, err := b.writeConfig("nginx-*.conf", nginxConfig(b.dir, p.listen, s, keepalive))
	return command{argv: []string{program, "-p", b.dir, "-e", "stderr", "-c", file}}, err
}

// nginxConfig is nginx with one worker in one process, nothing logged, and
// either its default of one connection to the ACS per request or a pool of
// connections that all sessions share.
func nginxConfig(dir, listen string, s setup, keepalive bool) string {
	var tls, pool, passing string
	if s.cert != nil {
		listen += " ssl"
		tls = fmt.Sprintf(`    ssl_certificate %q;
    ssl_certificate_key %q;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets off;
    ssl_ecdh_curve prime256v1;
`, s.cert.certFile, s.cert.keyFile)
	}
	if keepalive {
		pool = "keepalive 64;"
		passing = "proxy_http_version 1.1;\n      proxy_set_header Connection \"\";"
	}
	return fmt.Sprintf(`daemon off;
master_process off;
pid "%[1]s/nginx-%[2]s.pid";
error_log stderr warn;
events { worker_connections 8192; }
http {
  access_log off;
%[3]s
  keepalive_timeout 600s;
  client_body_buffer_size 64k;
  client_max_body_size 16m;
  upstream acs { server %[4]s; %[5]s }
  server {
    listen %[6]s;
%[7]s    location / {
      proxy_pass http://acs;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      %[8]s
    }
  }
}
`, dir, port(strings.TrimSuffix(listen, " ssl")), nginxTempPaths(dir), s.acs, pool, listen, tls, passing)
}

// nginxTempPaths keeps nginx's scratch files in the run's directory.
func nginxTempPaths(dir string) string {
	var out strings.Builder
	for _, use := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&out, "  %s_temp_path %q;\n", use, filepath.Join(dir, "nginx-"+use))
	}
	return strings.TrimSuffix(out.String(), "\n")
}
