package keyway

import (
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// addressList is the scheme of targets with several addresses. gRPC for Go has no resolver for them.
const addressList = "keyway"

func split(address string) []string {
	var addresses []string
	for part := range strings.SplitSeq(address, ",") {
		if part = strings.TrimSpace(part); part != "" {
			addresses = append(addresses, part)
		}
	}
	return addresses
}

// targetOf returns the gRPC target of an address, and a resolver if there are several addresses.
func targetOf(address string) (string, []resolver.Builder) {
	if isURI(address) || !strings.Contains(address, ",") {
		return address, nil
	}
	var endpoints []resolver.Endpoint
	for _, one := range split(address) {
		host, _, err := net.SplitHostPort(one)
		if err != nil {
			host = one
		}
		// The certificate of each gateway has the name of its host.
		endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: one, ServerName: host}}})
	}
	list := manual.NewBuilderWithScheme(addressList)
	list.InitialState(resolver.State{Endpoints: endpoints})
	return addressList + ":///gateways", []resolver.Builder{list}
}

func isURI(address string) bool {
	return strings.Contains(address, "://") || strings.HasPrefix(address, "unix:") || strings.HasPrefix(address, "unix-abstract:")
}

// isLocal reports whether all addresses are on this machine.
func isLocal(address string) bool {
	if strings.HasPrefix(address, "unix:") || strings.HasPrefix(address, "unix-abstract:") {
		return true
	}
	for _, one := range split(withoutScheme(address)) {
		host, _, err := net.SplitHostPort(one)
		if err != nil {
			host = strings.Trim(one, "[]")
		}
		ip, err := netip.ParseAddr(host)
		if host != "localhost" && (err != nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

func withoutScheme(address string) string {
	return strings.TrimPrefix(strings.TrimPrefix(address, "dns:///"), "passthrough:///")
}
