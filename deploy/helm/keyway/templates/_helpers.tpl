{{- define "keyway.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* This label must never change, because Kubernetes rejects changes of the selector of a StatefulSet. */}}
{{- define "keyway.selector" -}}
app.kubernetes.io/name: {{ include "keyway.name" . }}
{{- end }}

{{- define "keyway.labels" -}}
{{ include "keyway.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The port of an address: 0.0.0.0:50051 or [::]:50051. */}}
{{- define "keyway.port" -}}
{{ regexFind "[0-9]+$" (toString .) }}
{{- end }}

{{- define "keyway.metricsPort" -}}
{{- with (.Values.config.telemetry | default dict).prometheus_listen }}{{ include "keyway.port" . }}{{ end }}
{{- end }}

{{- define "keyway.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* drain_delay, drain_timeout, and 30 s for the last responses, closing the journal, and shipping. */}}
{{- define "keyway.gracePeriod" -}}
{{- $delay := 2 }}{{ if hasKey .Values.config "drain_delay" }}{{ $delay = .Values.config.drain_delay }}{{ end }}
{{- $timeout := 30 }}{{ if hasKey .Values.config "drain_timeout" }}{{ $timeout = .Values.config.drain_timeout }}{{ end }}
{{- addf $delay $timeout 30 | ceil | int }}
{{- end }}

{{- define "keyway.resources" -}}
{{- if .Values.resources }}{{ toYaml .Values.resources }}
{{- else }}
{{- $workers := int (.Values.config.workers | default 1) -}}
requests: {cpu: "{{ $workers }}", memory: {{ mul $workers 256 }}Mi}
limits: {memory: {{ add (mul $workers 300) 424 }}Mi}
{{- end }}
{{- end }}
