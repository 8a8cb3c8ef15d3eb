package keyway

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestTheServiceConfigRepeatsWhatTheContractAllows(t *testing.T) {
	names := safeToRepeat()
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
	if len(names) != 23 {
		t.Errorf("%d methods without side effects", len(names))
	}
	for _, text := range []string{serviceConfig(true, true), serviceConfig(false, false)} {
		if !json.Valid([]byte(text)) {
			t.Error(text)
		}
	}
}
