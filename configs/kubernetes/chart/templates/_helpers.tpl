{{/* Nobody's image and nobody's Vault would make pods that are never ready. */}}
{{- define "freshkey.image" -}}
{{- $repository := required "set image.repository to where you pushed the image, as registry.example/freshkey" .Values.image.repository -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) | quote -}}
{{- end -}}

{{- define "freshkey.vaultAddress" -}}
{{- required "set vault.address to Vault's address, as https://vault.vault.svc:8200" .Values.vault.address | quote -}}
{{- end -}}
