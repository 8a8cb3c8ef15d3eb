package keyway

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"testing"
)

func TestServiceConfigRetriesIdempotentMethods(t *testing.T) {
	names := idempotentMethods()
	for name, safe := range map[methodName]bool{
		{"keyway.v1.KeyService", "Encrypt"}:                        true,
		{"keyway.v1.ProviderService", "CheckProvider"}:             true,
		{"keyway.v1.CertificateService", "ListCertificates"}:       true,
		{"keyway.v1.CertificateService", "CreateCertificate"}:      false,
		{"keyway.v1.CertificateService", "DeleteTrustedAuthority"}: false,
	} {
		if slices.Contains(names, name) != safe {
			t.Errorf("%v: %v", name, !safe)
		}
	}
	// The shared service config is the same, except that its calls wait for a connection.
	content, err := os.ReadFile("../service-config.json")
	if err != nil {
		t.Fatal(err)
	}
	var shared, ours config
	if err := errors.Join(json.Unmarshal(content, &shared), json.Unmarshal([]byte(serviceConfig(true, true)), &ours)); err != nil {
		t.Fatal(err)
	}
	shared.Methods = shared.Methods[:1]
	if !reflect.DeepEqual(shared, ours) {
		t.Errorf("%+v is shared, ours is %+v", shared, ours)
	}
	for _, text := range []string{serviceConfig(true, true), serviceConfig(false, false)} {
		if !json.Valid([]byte(text)) {
			t.Error(text)
		}
	}
}
