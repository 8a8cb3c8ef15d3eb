package keyway

import (
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// addressList is the scheme of targets that are several addresses, which gRPC for Go has no resolver for.
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

// targetOf gives gRPC's target for an address, and the resolver that it needs where it is several.
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
		// Each gateway's certificate is for its own host.
		endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: one, ServerName: host}}})
	}
	list := manual.NewBuilderWithScheme(addressList)
	list.InitialState(resolver.State{Endpoints: endpoints})
	return addressList + ":///gateways", []resolver.Builder{list}
}

func isURI(address string) bool {
	return strings.Contains(address, "://") || strings.HasPrefix(address, "unix:") || strings.HasPrefix(address, "unix-abstract:")
}

// isLocal says whether all of the address stays on this machine.
func isLocal(address string) bool {
	if strings.HasPrefix(address, "unix:") || strings.HasPrefix(address, "unix-abstract:") {
		return true
	}
	for _, scheme := range []string{"dns:///", "passthrough:///"} {
		address = strings.TrimPrefix(address, scheme)
	}
	for _, one := range split(address) {
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
