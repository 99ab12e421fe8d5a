// Made by `npm run api-types` from the brain's OpenAPI document. Not edited by hand.
/* eslint-disable */
export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show that the brain runs */
        get: operations["get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/security.txt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Say where to report a weakness */
        get: operations["get_well_known_security_txt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/activity": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what was done lately */
        get: operations["get_activity"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/redaction/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show what is kept of a payload; nothing of it is stored */
        post: operations["post_admin_redaction_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List settings with their values and where these come from */
        get: operations["get_admin_settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/smtp/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a mail through the relay of the settings and tell each step */
        post: operations["post_admin_smtp_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/system/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the versions that agents are compared with */
        get: operations["get_admin_system_versions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/system/versions/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Fetch the list of released versions */
        post: operations["post_admin_system_versions_check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent/commands": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Give frames to an agent that polls */
        get: operations["get_agent_commands"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take frames of an agent that polls */
        post: operations["post_agent_events"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/mint-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mint an agent in the project that the body names */
        post: operations["post_agents_mint_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List one's own API keys */
        get: operations["get_api_keys"];
        put?: never;
        /** Mint an API key */
        post: operations["post_api_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/api-keys/scopes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the scopes that a key may have */
        get: operations["get_api_keys_scopes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/api-keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke an API key */
        delete: operations["delete_api_keys_key_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/breaks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Breaks of the audit log that people know of */
        get: operations["get_audit_breaks"];
        put?: never;
        /** Acknowledge a break: a check tells it apart from new ones */
        post: operations["post_audit_breaks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/bundle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Entries and their proof, for z4j-audit-verify */
        get: operations["get_audit_bundle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/checkpoint": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The latest signed checkpoint, and the keys that verify it */
        get: operations["get_audit_checkpoint"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the latest check of the audit log found */
        get: operations["get_audit_verify"];
        put?: never;
        /** Check the whole audit log now */
        post: operations["post_audit_verify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/change-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change one's password: all sessions end, a new one begins */
        post: operations["post_auth_change_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/csrf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The session's CSRF token */
        get: operations["get_auth_csrf"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign in */
        post: operations["post_auth_login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign out */
        post: operations["post_auth_logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is signed in */
        get: operations["get_auth_me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change one's own names and time zone; null leaves */
        patch: operations["patch_auth_me"];
        trace?: never;
    };
    "/api/v1/auth/mfa/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Turn the second factor off */
        post: operations["post_auth_mfa_disable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/enroll-complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm the second factor with a code */
        post: operations["post_auth_mfa_enroll_complete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/enroll-start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begin to set up a second factor */
        post: operations["post_auth_mfa_enroll_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/recovery-codes/regenerate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Replace the recovery codes */
        post: operations["post_auth_mfa_recovery_codes_regenerate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show whether a second factor is set up */
        get: operations["get_auth_mfa_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/trusted-devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List browsers that are not asked for the second factor */
        get: operations["get_auth_mfa_trusted_devices"];
        put?: never;
        /** Trust this browser */
        post: operations["post_auth_mfa_trusted_devices"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/trusted-devices/{device_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Rename a trusted browser */
        patch: operations["patch_auth_mfa_trusted_devices_device_id"];
        trace?: never;
    };
    "/api/v1/auth/mfa/trusted-devices/{device_id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop trusting a browser */
        post: operations["post_auth_mfa_trusted_devices_device_id_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mfa/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give the second factor */
        post: operations["post_auth_mfa_verify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/oidc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show whether people may sign in through an identity provider */
        get: operations["get_auth_oidc"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/oidc/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Come back from the identity provider */
        get: operations["get_auth_oidc_callback"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/oidc/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Go to the identity provider */
        get: operations["get_auth_oidc_start"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/password-reset/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Choose a new password with the link's token */
        post: operations["post_auth_password_reset_confirm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/password-reset/request": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask for a link by mail */
        post: operations["post_auth_password_reset_request"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/policy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The rules for passwords */
        get: operations["get_auth_policy"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List one's own sessions, newest first */
        get: operations["get_auth_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions/revoke-others": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End all of one's own sessions but this one */
        post: operations["post_auth_sessions_revoke_others"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions/{session_id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End one of one's own sessions */
        post: operations["post_auth_sessions_session_id_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/csp-reports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a browser's report that a page of the console broke its policy */
        post: operations["post_csp_reports"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read this description */
        get: operations["get_docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Say that the process answers, and what works only in part */
        get: operations["get_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Say whether the database answers */
        get: operations["get_health_ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show versions, the database, and the brains that share it */
        get: operations["get_health_system"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/home/recent-failures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List tasks of all projects that failed */
        get: operations["get_home_recent_failures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/home/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show figures of all projects and what needs attention */
        get: operations["get_home_summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Accept an invitation, as a new user or as who is signed in */
        post: operations["post_invitations_accept"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What an invitation is for */
        get: operations["get_invitations_preview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get this description */
        get: operations["get_openapi_json"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List plugin instances */
        get: operations["get_plugins"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugins/{instance}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a plugin instance */
        get: operations["get_plugins_instance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugins/{instance}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a plugin instance, whatever the file says */
        post: operations["post_plugins_instance_disable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugins/{instance}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start a plugin instance, whatever the file says */
        post: operations["post_plugins_instance_enable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugins/{instance}/override": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Go back to the file's word */
        delete: operations["delete_plugins_instance_override"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugins/{instance}/schema": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what the settings of a plugin instance may be, as JSON Schema */
        get: operations["get_plugins_instance_schema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugins/{instance}/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Lay settings over the file's */
        put: operations["put_plugins_instance_settings"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugins/{instance}/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say whether settings would do */
        post: operations["post_plugins_instance_validate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the projects that one may see */
        get: operations["get_projects"];
        put?: never;
        /** Make a project */
        post: operations["post_projects"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a project */
        get: operations["get_projects_slug"];
        put?: never;
        post?: never;
        /** Archive a project */
        delete: operations["delete_projects_slug"];
        options?: never;
        head?: never;
        /** Change a project, archived ones too; null leaves */
        patch: operations["patch_projects_slug"];
        trace?: never;
    };
    "/api/v1/projects/{slug}/agent-workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the processes of agents elsewhere */
        get: operations["get_projects_slug_agent_workers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List agents */
        get: operations["get_projects_slug_agents"];
        put?: never;
        /** Mint an agent's token and signing secret */
        post: operations["post_projects_slug_agents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/agents/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Say which agents are behind the brain */
        get: operations["get_projects_slug_agents_versions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/agents/{agent_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an agent */
        get: operations["get_projects_slug_agents_agent_id"];
        put?: never;
        post?: never;
        /** Delete an agent and end its connections */
        delete: operations["delete_projects_slug_agents_agent_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/agents/{agent_id}/connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the connections of an agent */
        get: operations["get_projects_slug_agents_agent_id_connections"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/agents/{agent_id}/registry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the task names that an agent knows */
        get: operations["get_projects_slug_agents_agent_id_registry"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/agents/{agent_id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make an agent's tokens void */
        post: operations["post_projects_slug_agents_agent_id_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/agents/{agent_id}/rotate-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give an agent a new token */
        post: operations["post_projects_slug_agents_agent_id_rotate_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Page or export a project's audit log, newest first */
        get: operations["get_projects_slug_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/bulk-jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List bulk jobs */
        get: operations["get_projects_slug_bulk_jobs"];
        put?: never;
        /** Act on all tasks of a selection */
        post: operations["post_projects_slug_bulk_jobs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/bulk-jobs/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a bulk job */
        get: operations["get_projects_slug_bulk_jobs_job_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/bulk-jobs/{job_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a bulk job */
        post: operations["post_projects_slug_bulk_jobs_job_id_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/bulk-jobs/{job_id}/items": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the tasks of a bulk job and what became of them */
        get: operations["get_projects_slug_bulk_jobs_job_id_items"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/bulk-jobs/{job_id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Pause a bulk job */
        post: operations["post_projects_slug_bulk_jobs_job_id_pause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/bulk-jobs/{job_id}/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Export what became of the tasks of a bulk job */
        get: operations["get_projects_slug_bulk_jobs_job_id_report"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/bulk-jobs/{job_id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go on with a bulk job */
        post: operations["post_projects_slug_bulk_jobs_job_id_resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/capabilities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what can be done with each engine, and why not what can't */
        get: operations["get_projects_slug_capabilities"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List commands */
        get: operations["get_projects_slug_commands"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/add-consumer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a worker take from a queue */
        post: operations["post_projects_slug_commands_add_consumer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/autoscale": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Set the bounds between which a worker's pool grows and shrinks by itself */
        post: operations["post_projects_slug_commands_autoscale"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/bulk-retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Retry the tasks that a filter finds */
        post: operations["post_projects_slug_commands_bulk_retry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/cancel-consumer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a worker leave a queue */
        post: operations["post_projects_slug_commands_cancel_consumer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/cancel-task": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancel a task */
        post: operations["post_projects_slug_commands_cancel_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/delete-task": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make the engine forget a task that waits or is over */
        post: operations["post_projects_slug_commands_delete_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/pause-queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take nothing from a queue, or from all of an engine's */
        post: operations["post_projects_slug_commands_pause_queue"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/pool-resize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Grow or shrink a worker's pool */
        post: operations["post_projects_slug_commands_pool_resize"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/purge-queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Drop all that waits in a queue */
        post: operations["post_projects_slug_commands_purge_queue"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/purge-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get the token that an agent elsewhere wants before it purges a long queue */
        post: operations["post_projects_slug_commands_purge_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/rate-limit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Limit how often a task runs */
        post: operations["post_projects_slug_commands_rate_limit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/requeue-dead-letter": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put a task that was thrown away back into its queue */
        post: operations["post_projects_slug_commands_requeue_dead_letter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/restart-worker": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Restart a worker */
        post: operations["post_projects_slug_commands_restart_worker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/resume-queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go on taking from a queue, or from all of an engine's */
        post: operations["post_projects_slug_commands_resume_queue"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/retry-preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show what a retry would send and how that differs from what the task had */
        post: operations["post_projects_slug_commands_retry_preview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/retry-task": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Retry a task */
        post: operations["post_projects_slug_commands_retry_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/shutdown-worker": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a worker finish what it does and end */
        post: operations["post_projects_slug_commands_shutdown_worker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/submit-task": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a new task */
        post: operations["post_projects_slug_commands_submit_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/time-limit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Limit how long runs of a task may take; neither soft nor hard: no limit */
        post: operations["post_projects_slug_commands_time_limit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/commands/{command_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a command */
        get: operations["get_projects_slug_commands_command_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/deploys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List when something new went out, newest first */
        get: operations["get_projects_slug_deploys"];
        put?: never;
        /** Mark a deploy: now, or when it was */
        post: operations["post_projects_slug_deploys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/deploys/{deploy_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take the mark of a deploy away */
        delete: operations["delete_projects_slug_deploys_deploy_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/errors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the groups of errors of a project */
        get: operations["get_projects_slug_errors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/errors/{fingerprint}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a group of errors */
        get: operations["get_projects_slug_errors_fingerprint"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/event-sources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List agents by the events they sent */
        get: operations["get_projects_slug_event_sources"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the events of a task */
        get: operations["get_projects_slug_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/findings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Say what is wrong in a project, worst first */
        get: operations["get_projects_slug_findings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/gaps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List when an engine was out of sight */
        get: operations["get_projects_slug_gaps"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List a project's open invitations, newest first */
        get: operations["get_projects_slug_invitations"];
        put?: never;
        /** Invite somebody */
        post: operations["post_projects_slug_invitations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/invitations/{invitation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take an invitation back */
        delete: operations["delete_projects_slug_invitations_invitation_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/memberships": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List a project's members, oldest first */
        get: operations["get_projects_slug_memberships"];
        put?: never;
        /** Let a user into a project */
        post: operations["post_projects_slug_memberships"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/memberships/{membership_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take a member out of a project */
        delete: operations["delete_projects_slug_memberships_membership_id"];
        options?: never;
        head?: never;
        /** Change a member's role */
        patch: operations["patch_projects_slug_memberships_membership_id"];
        trace?: never;
    };
    "/api/v1/projects/{slug}/notifications/channels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List a project's channels */
        get: operations["get_projects_slug_notifications_channels"];
        put?: never;
        /** Create a channel */
        post: operations["post_projects_slug_notifications_channels"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/notifications/channels/import_from_user": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Copy one of one's own channels into the project */
        post: operations["post_projects_slug_notifications_channels_import_from_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/notifications/channels/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a test message to a channel that is not saved */
        post: operations["post_projects_slug_notifications_channels_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/notifications/channels/{channel_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a channel */
        delete: operations["delete_projects_slug_notifications_channels_channel_id"];
        options?: never;
        head?: never;
        /** Change a channel */
        patch: operations["patch_projects_slug_notifications_channels_channel_id"];
        trace?: never;
    };
    "/api/v1/projects/{slug}/notifications/channels/{channel_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a test message to a channel */
        post: operations["post_projects_slug_notifications_channels_channel_id_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/notifications/defaults": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what new members are subscribed to */
        get: operations["get_projects_slug_notifications_defaults"];
        put?: never;
        /** Create a default subscription */
        post: operations["post_projects_slug_notifications_defaults"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/notifications/defaults/{default_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a default subscription */
        delete: operations["delete_projects_slug_notifications_defaults_default_id"];
        options?: never;
        head?: never;
        /** Change a default subscription */
        patch: operations["patch_projects_slug_notifications_defaults_default_id"];
        trace?: never;
    };
    "/api/v1/projects/{slug}/notifications/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what became of messages */
        get: operations["get_projects_slug_notifications_deliveries"];
        put?: never;
        post?: never;
        /** Clear the delivery log */
        delete: operations["delete_projects_slug_notifications_deliveries"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/queue-copies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what purges kept */
        get: operations["get_projects_slug_queue_copies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/queue-copies/{copy_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what a purge kept */
        get: operations["get_projects_slug_queue_copies_copy_id"];
        put?: never;
        post?: never;
        /** Destroy what a purge kept */
        delete: operations["delete_projects_slug_queue_copies_copy_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/queue-copies/{copy_id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put back what a purge took */
        post: operations["post_projects_slug_queue_copies_copy_id_restore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/queue-depths": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show how deep queues were over time */
        get: operations["get_projects_slug_queue_depths"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/queues": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List queues */
        get: operations["get_projects_slug_queues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/queues/{engine}/{queue}/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what was thrown away from a queue, newest first, as the engine tells it */
        get: operations["get_projects_slug_queues_engine_queue_dead_letters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/queues/{engine}/{queue}/waiting": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what waits in a queue, as the engine tells it */
        get: operations["get_projects_slug_queues_engine_queue_waiting"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/remembered-cancels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List cancels that are said again to workers that come later */
        get: operations["get_projects_slug_remembered_cancels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/remembered-cancels/{cancel_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Do not say a cancel again */
        delete: operations["delete_projects_slug_remembered_cancels_cancel_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List schedules */
        get: operations["get_projects_slug_schedules"];
        put?: never;
        /** Create a schedule */
        post: operations["post_projects_slug_schedules"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules/{schedule_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a schedule */
        get: operations["get_projects_slug_schedules_schedule_id"];
        put?: never;
        post?: never;
        /** Delete a schedule */
        delete: operations["delete_projects_slug_schedules_schedule_id"];
        options?: never;
        head?: never;
        /** Change a schedule */
        patch: operations["patch_projects_slug_schedules_schedule_id"];
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules/{schedule_id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Switch a schedule off */
        post: operations["post_projects_slug_schedules_schedule_id_disable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules/{schedule_id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Switch a schedule on */
        post: operations["post_projects_slug_schedules_schedule_id_enable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules/{schedule_id}/fires": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List when a schedule fired */
        get: operations["get_projects_slug_schedules_schedule_id_fires"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules/{schedule_id}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show when a schedule runs next */
        get: operations["get_projects_slug_schedules_schedule_id_preview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules/{schedule_id}/trigger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a schedule's task now */
        post: operations["post_projects_slug_schedules_schedule_id_trigger"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules:diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show what an import would change */
        post: operations["post_projects_slug_schedules_diff"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules:export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Give schedules out in the form that an import takes, or in a backend's own */
        get: operations["get_projects_slug_schedules_export"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules:import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take many schedules in, and delete those that their source has no more */
        post: operations["post_projects_slug_schedules_import"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules:resync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask all that keep schedules elsewhere to tell them anew */
        post: operations["post_projects_slug_schedules_resync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/schedules:simulate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show when schedules will run, what comes together, and what load it makes */
        post: operations["post_projects_slug_schedules_simulate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/selections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List selections */
        get: operations["get_projects_slug_selections"];
        put?: never;
        /** Freeze the tasks that a filter finds */
        post: operations["post_projects_slug_selections"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/selections/{selection_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a selection */
        get: operations["get_projects_slug_selections_selection_id"];
        put?: never;
        post?: never;
        /** Forget a selection that is not used */
        delete: operations["delete_projects_slug_selections_selection_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/selections/{selection_id}/items": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the tasks of a selection */
        get: operations["get_projects_slug_selections_selection_id_items"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the figures of a project */
        get: operations["get_projects_slug_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/suggestions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List values that begin with what somebody typed */
        get: operations["get_projects_slug_suggestions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/task-figures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show how the tasks of a name ran over time */
        get: operations["get_projects_slug_task_figures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/task-names": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the names of tasks with how often, how long and how well they ran */
        get: operations["get_projects_slug_task_names"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List, search or export tasks */
        get: operations["get_projects_slug_tasks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/tasks/bulk-delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Delete the rows of tasks, by ids or by a filter */
        post: operations["post_projects_slug_tasks_bulk_delete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/tasks/{engine}/{task_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a task */
        get: operations["get_projects_slug_tasks_engine_task_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/tasks/{engine}/{task_id}/tree": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the workflow of a task */
        get: operations["get_projects_slug_tasks_engine_task_id_tree"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/tasks:facets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Count the tasks of a filter by state, over time and by queue */
        get: operations["get_projects_slug_tasks_facets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/trends": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show how tasks ended over time */
        get: operations["get_projects_slug_trends"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/views": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List one's own views of lists, then those that others share */
        get: operations["get_projects_slug_views"];
        put?: never;
        /** Save the query of a list under a name; sharing it needs an operator */
        post: operations["post_projects_slug_views"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/views/{view_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a view of one's own; as a project admin, a shared one */
        delete: operations["delete_projects_slug_views_view_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/worker-losses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List workers that vanished, newest first */
        get: operations["get_projects_slug_worker_losses"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/worker-losses/{loss_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a worker that vanished and what its tasks need */
        get: operations["get_projects_slug_worker_losses_loss_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/worker-losses/{loss_id}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say that a vanished worker was seen to */
        post: operations["post_projects_slug_worker_losses_loss_id_close"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/worker-wishes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List limits, consumers and pauses that are said again to workers that come later */
        get: operations["get_projects_slug_worker_wishes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/worker-wishes/{wish_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Do not say a wish again */
        delete: operations["delete_projects_slug_worker_wishes_wish_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the engines' workers */
        get: operations["get_projects_slug_workers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{slug}/workers/{worker_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a worker and what it says of itself */
        get: operations["get_projects_slug_workers_worker_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/schedulers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ask the scheduler processes how they are */
        get: operations["get_schedulers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/setup/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make the first administrator */
        post: operations["post_setup_complete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/setup/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the first administrator is still to be made */
        get: operations["get_setup_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/channels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List one's own channels */
        get: operations["get_user_channels"];
        put?: never;
        /** Create a channel of one's own */
        post: operations["post_user_channels"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/channels/import_from_project": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Copy a project's channel, as its administrator */
        post: operations["post_user_channels_import_from_project"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/channels/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a test message to a channel that is not saved */
        post: operations["post_user_channels_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/channels/{channel_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a channel of one's own */
        delete: operations["delete_user_channels_channel_id"];
        options?: never;
        head?: never;
        /** Change a channel of one's own */
        patch: operations["patch_user_channels_channel_id"];
        trace?: never;
    };
    "/api/v1/user/channels/{channel_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a test message to a channel of one's own */
        post: operations["post_user_channels_channel_id_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what became of one's messages */
        get: operations["get_user_deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/notifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List one's inbox */
        get: operations["get_user_notifications"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/notifications/read-all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mark all as read */
        post: operations["post_user_notifications_read_all"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/notifications/unread-count": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Count what is not read */
        get: operations["get_user_notifications_unread_count"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/notifications/{notification_id}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mark a notification as read */
        post: operations["post_user_notifications_notification_id_read"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List one's subscriptions */
        get: operations["get_user_subscriptions"];
        put?: never;
        /** Subscribe to a trigger of a project */
        post: operations["post_user_subscriptions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/subscriptions/{sub_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a subscription */
        delete: operations["delete_user_subscriptions_sub_id"];
        options?: never;
        head?: never;
        /** Change a subscription */
        patch: operations["patch_user_subscriptions_sub_id"];
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List users, newest first */
        get: operations["get_users"];
        put?: never;
        /** Make a user */
        post: operations["post_users"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a user */
        get: operations["get_users_user_id"];
        put?: never;
        post?: never;
        /** Delete a user; erase: and what all else tells of the person, the audit log too */
        delete: operations["delete_users_user_id"];
        options?: never;
        head?: never;
        /** Change a user; null leaves, an empty name clears */
        patch: operations["patch_users_user_id"];
        trace?: never;
    };
    "/api/v1/users/{user_id}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a user a password, to be changed after the next sign-in */
        post: operations["post_users_user_id_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{user_id}/reset-mfa": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Remove a user's second factor */
        post: operations["post_users_user_id_reset_mfa"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ext/{instance}/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a file of a plugin; its routes, of any method, say themselves who may */
        get: operations["get_ext_instance_path"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/invite": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The page of an invitation's link */
        get: operations["get_invite"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the figures for Prometheus */
        get: operations["get_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The page of a password-reset link */
        get: operations["get_reset"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/security.txt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Say where to report a weakness */
        get: operations["get_security_txt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The page of the one-time setup link */
        get: operations["get_setup"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ws/agent": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Connect an agent: a WebSocket */
        get: operations["get_ws_agent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ws/dashboard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Hear what changes in a project: a WebSocket; refusals are its close codes */
        get: operations["get_ws_dashboard"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Agent: {
            agent_version: string | null;
            capabilities: {
                [key: string]: string[];
            };
            clock_skew_ms: number | null;
            /** Format: date-time */
            created_at: string;
            engine_adapters: string[];
            framework_adapter: string;
            host_name: string | null;
            /** Format: uuid */
            id: string;
            is_behind: boolean;
            is_local: boolean;
            is_outdated: boolean;
            is_revoked: boolean;
            /** Format: date-time */
            last_connect_at: string | null;
            /** Format: date-time */
            last_event_at: string | null;
            /** Format: date-time */
            last_seen_at: string | null;
            name: string;
            /** Format: date-time */
            previous_token_until: string | null;
            /** Format: uuid */
            project_id: string;
            protocol_version: string;
            scheduler_adapters: string[];
            /** @enum {string} */
            state: "online" | "offline" | "unknown";
            state_reason: string | null;
            /** Format: date-time */
            token_changed_at: string | null;
            transport: string | null;
            version_status: string | null;
        };
        AgentCredentials: {
            agent: components["schemas"]["Agent"];
            brain_ws_url: string;
            env: string;
            hmac_secret: string;
            /** Format: date-time */
            previous_token_until: string | null;
            token: string;
        };
        ApiKey: {
            allowed_ips: string[];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string | null;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            last_used_at: string | null;
            last_used_ip: string | null;
            name: string;
            prefix: string;
            /** Format: uuid */
            project_id: string | null;
            project_slug: string | null;
            /** Format: date-time */
            revoked_at: string | null;
            revoked_reason: string | null;
            scopes: string[];
        };
        AuditBreak: {
            /** Format: date-time */
            acknowledged_at: string;
            /** Format: uuid */
            acknowledged_by: string | null;
            /** Format: uuid */
            id: string;
            is_genuine: boolean;
            note: string | null;
            reason: string;
            /** Format: uuid */
            row_id: string | null;
            seq: number | null;
        };
        AuditEntry: {
            action: string;
            /** Format: uuid */
            api_key_id: string | null;
            /** Format: uuid */
            event_id: string | null;
            /** Format: uuid */
            id: string;
            metadata: Record<string, never>;
            /** Format: date-time */
            occurred_at: string;
            outcome: string | null;
            prev_row_hmac: string | null;
            /** Format: uuid */
            project_id: string | null;
            result: string;
            row_hmac: string | null;
            seq: number;
            source_ip: string | null;
            target_id: string | null;
            target_type: string;
            user_agent: string | null;
            /** Format: uuid */
            user_id: string | null;
        };
        AuditVerdict: {
            accepted_with_previous_secret?: number;
            acknowledged_breaks?: number;
            check_trouble: string | null;
            /** Format: date-time */
            checked_at: string | null;
            erased?: number;
            erasure_trouble: string | null;
            /** Format: date-time */
            first_broken_at?: string | null;
            /** Format: uuid */
            first_broken_id?: string | null;
            first_broken_seq?: number | null;
            forwarding?: {
                behind: number;
                /** Format: date-time */
                blocked_since: string | null;
                last_error: string | null;
                name: string;
                refuses_changes: boolean;
                seq: number;
            }[];
            head_hmac?: string | null;
            is_checking: boolean;
            ok: boolean | null;
            pruned_through?: number;
            reason?: string | null;
            retention_trouble: string | null;
            rows_after_break?: number;
            rows_all: number;
            rows_done: number;
            rows_verified?: number;
            secrets?: {
                id: string;
                rows: number;
            }[];
            tree?: {
                checkpoint_size: number;
                is_witnessed: boolean;
                root_hash: string | null;
                size: number;
            };
            tree_trouble: string | null;
            witness_trouble: string | null;
        };
        BulkItem: {
            engine: string;
            exclusion: string | null;
            /** Format: date-time */
            finished_at: string | null;
            name: string | null;
            new_task_id: string | null;
            number: number;
            /** @enum {string|null} */
            outcome: "done" | "sent" | "refused" | "unknown" | "changed" | "started" | null;
            queue: string | null;
            reason: string | null;
            state: string;
            task_id: string;
        };
        BulkJob: {
            /** @enum {string} */
            action: "retry" | "cancel" | "delete" | "requeue";
            /** Format: uuid */
            agent_id: string | null;
            changed: number;
            /** Format: uuid */
            command_id: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            created_by: string | null;
            done: number;
            error: string | null;
            estimated_seconds_left: number | null;
            /** Format: date-time */
            finished_at: string | null;
            /** Format: uuid */
            id: string;
            left: number;
            params: Record<string, never>;
            /** Format: uuid */
            project_id: string;
            rate_per_second: number | null;
            refused: number;
            /** Format: uuid */
            selection_id: string;
            sent: number;
            /** Format: date-time */
            started_at: string | null;
            /** @enum {string} */
            state: "waiting" | "running" | "paused" | "cancelled" | "done" | "failed";
            total: number;
            unknown: number;
            /** Format: date-time */
            updated_at: string;
        };
        Channel: {
            config: Record<string, never>;
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            name: string;
            /** Format: uuid */
            project_id: string;
            type: string;
            /** Format: date-time */
            updated_at: string;
        };
        ChannelTest: {
            error: string | null;
            response_body: string | null;
            status_code: number | null;
            success: boolean;
        };
        Collision: {
            /** Format: date-time */
            at: string;
            fires: number;
            schedules: number[];
        };
        Command: {
            action: string;
            /** Format: uuid */
            agent_id: string | null;
            /** Format: date-time */
            completed_at: string | null;
            /** Format: date-time */
            dispatched_at: string | null;
            error: string | null;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            issued_at: string;
            /** Format: uuid */
            issued_by: string | null;
            payload: Record<string, never>;
            /** Format: uuid */
            project_id: string;
            result: unknown;
            /** @enum {string} */
            status: "pending" | "dispatched" | "completed" | "failed" | "timeout" | "cancelled";
            target_id: string | null;
            target_type: string;
            /** Format: date-time */
            timeout_at: string;
        };
        DefaultSubscription: {
            cooldown_seconds: number;
            /** Format: date-time */
            created_at: string;
            filters: Record<string, never>;
            /** Format: uuid */
            id: string;
            in_app: boolean;
            project_channel_ids: string[];
            /** Format: uuid */
            project_id: string;
            trigger: string;
        };
        Delivery: {
            attempts: number;
            /** Format: uuid */
            channel_id: string | null;
            channel_name: string | null;
            channel_type: string | null;
            error: string | null;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            project_id: string | null;
            response_body: string | null;
            response_code: number | null;
            /** Format: date-time */
            sent_at: string;
            /** @enum {string} */
            status: "sent" | "failed" | "skipped";
            /** Format: uuid */
            subscription_id: string | null;
            task_id: string | null;
            task_name: string | null;
            trigger: string;
            triggered_by_email: string | null;
            /** Format: uuid */
            triggered_by_user_id: string | null;
            /** Format: uuid */
            user_channel_id: string | null;
        };
        Deploy: {
            /** Format: date-time */
            at: string;
            created_by_name: string | null;
            /** Format: uuid */
            id: string;
            label: string;
            note: string | null;
        };
        ErrorGroup: {
            count: number;
            exception: string | null;
            fingerprint: string;
            /** Format: date-time */
            first_seen_at: string;
            is_new: boolean;
            /** Format: date-time */
            last_seen_at: string;
            message: string | null;
            queues: string[];
            sample: {
                engine: string;
                task_id: string;
            } | null;
            series: number[];
            task_names: string[];
            task_names_more: boolean;
        };
        HomeFigures: {
            agents_online: number;
            agents_total: number;
            failure_rate_24h: number;
            failures_24h: number;
            stuck_commands: number;
            tasks_24h: number;
            workers_online: number;
            workers_total: number;
        };
        Invitation: {
            /** Format: date-time */
            accepted_at: string | null;
            /** Format: date-time */
            created_at: string;
            email: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            invited_by: string | null;
            /** Format: uuid */
            project_id: string;
            /** Format: date-time */
            revoked_at: string | null;
            /** @enum {string} */
            role: "viewer" | "operator" | "admin";
        };
        Me: {
            /** Format: date-time */
            created_at: string;
            display_name: string | null;
            email: string;
            first_name: string | null;
            /** Format: uuid */
            id: string;
            is_admin: boolean;
            last_name: string | null;
            memberships: {
                /** Format: uuid */
                project_id: string;
                project_slug: string;
                /** @enum {string} */
                role: "viewer" | "operator" | "admin";
            }[];
            password_change_required: boolean;
            timezone: string;
        };
        Membership: {
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            project_id: string;
            /** @enum {string} */
            role: "viewer" | "operator" | "admin";
            user_display_name: string | null;
            user_email: string;
            /** Format: uuid */
            user_id: string;
        };
        NameFigures: {
            engine: string;
            failed: number;
            failure_rate: number;
            name: string;
            per_minute: number;
            retried: number;
            retry_share: number;
            revoked: number;
            runtime_ms: components["schemas"]["RunTimes"] | null;
            sent: number;
            succeeded: number;
        };
        Notification: {
            body: string | null;
            /** Format: date-time */
            created_at: string;
            data: Record<string, never>;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            project_id: string;
            /** Format: date-time */
            read_at: string | null;
            reason: string;
            /** Format: uuid */
            subscription_id: string | null;
            title: string;
            trigger: string;
        };
        Plugin: {
            calls: number;
            configured: {
                enabled: boolean;
                settings: Record<string, never>;
            } | null;
            engine: string | null;
            errors: number;
            faults: number;
            health: string;
            instance: string;
            isolation: string | null;
            kinds: string | null;
            late_answers: number;
            log_lines_suppressed: number;
            operations_expired: number;
            operations_open: number;
            override: {
                enabled: boolean | null;
                settings: Record<string, never> | null;
                /** Format: date-time */
                updated_at: string;
                /** Format: uuid */
                updated_by: string | null;
            } | null;
            plugin: string;
            plugin_id: string | null;
            problems: components["schemas"]["PluginProblem"][];
            process: {
                cpu_ms: number;
                cpu_percent: number | null;
                deaths: number;
                last_death: string | null;
                /** Format: date-time */
                last_death_at: string | null;
                memory_bytes: number;
                pid: number | null;
                sandbox: string | null;
            } | null;
            project: string;
            required: boolean;
            runs_on: {
                brain_id: string;
                host_name: string | null;
                is_this: boolean;
            } | null;
            sha256: string | null;
            signer: {
                key_id: string;
                name: string | null;
            } | null;
            slow_calls: number;
            /** Format: date-time */
            started_at: string | null;
            state: string;
            step: string | null;
            version: string | null;
            what_to_do: string | null;
            why: string | null;
        };
        PluginCapability: {
            /** @enum {string|null} */
            contradiction: "unsupported" | "undeclared" | null;
            declared: boolean | null;
            /** @enum {string} */
            kind: "engine" | "scheduler" | "notifier" | "http";
            observable: boolean;
            observed: {
                asked: number;
                done: number;
                failed: number;
                /** Format: date-time */
                first_at: string;
                /** Format: date-time */
                last_at: string;
                last_code: string | null;
                last_outcome: string;
                last_text: string | null;
                refused: number;
                sent: number;
                undeclared: number;
                unknown: number;
                unsupported: number;
            } | null;
            verb: string;
        };
        PluginDetail: {
            calls: number;
            capabilities: components["schemas"]["PluginCapability"][];
            configured: {
                enabled: boolean;
                settings: Record<string, never>;
            } | null;
            engine: string | null;
            errors: number;
            faults: number;
            health: string;
            instance: string;
            isolation: string | null;
            kinds: string | null;
            late_answers: number;
            log_lines_suppressed: number;
            operations_expired: number;
            operations_open: number;
            override: {
                enabled: boolean | null;
                settings: Record<string, never> | null;
                /** Format: date-time */
                updated_at: string;
                /** Format: uuid */
                updated_by: string | null;
            } | null;
            plugin: string;
            plugin_id: string | null;
            problems: components["schemas"]["PluginProblem"][];
            process: {
                cpu_ms: number;
                cpu_percent: number | null;
                deaths: number;
                last_death: string | null;
                /** Format: date-time */
                last_death_at: string | null;
                memory_bytes: number;
                pid: number | null;
                sandbox: string | null;
            } | null;
            project: string;
            required: boolean;
            runs_on: {
                brain_id: string;
                host_name: string | null;
                is_this: boolean;
            } | null;
            slow_calls: number;
            /** Format: date-time */
            started_at: string | null;
            state: string;
            step: string | null;
            version: string | null;
            what_to_do: string | null;
            why: string | null;
        };
        PluginProblem: {
            expected: string | null;
            hint: string | null;
            message: string;
            where: string | null;
        };
        Project: {
            allowed_schedulers: string[] | null;
            /** Format: date-time */
            created_at: string;
            default_scheduler_owner: string;
            description: string | null;
            environment: string;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            name: string;
            retention_days: number;
            slug: string;
            timezone: string;
            /** Format: date-time */
            updated_at: string;
        };
        QueueCopy: {
            /** Format: uuid */
            agent_id: string;
            bytes: number;
            /** Format: uuid */
            command_id: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            created_by: string | null;
            engine: string;
            error: string | null;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            messages: number;
            not_removed: unknown;
            /** Format: uuid */
            project_id: string;
            queue: string;
            restored: number;
            /** Format: date-time */
            restored_at: string | null;
            /** @enum {string} */
            state: "copying" | "kept" | "restoring" | "restored" | "expired" | "failed";
            /** Format: date-time */
            updated_at: string;
        };
        /** @description `error` is for programs, `message` for people; the router's own answers, and those about fields, have `detail` (too) */
        Refusal: {
            detail?: unknown;
            details?: Record<string, never>;
            error?: string;
            message?: string;
            request_id?: string | null;
        } | unknown | unknown;
        RememberedCancel: {
            asserted: number;
            /** Format: date-time */
            asserted_at: string | null;
            /** Format: uuid */
            command_id: string | null;
            /** Format: date-time */
            created_at: string;
            engine: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            task_id: string;
        };
        RunTimes: {
            avg: number;
            p50: number;
            p95: number;
            p99: number;
            total: number;
        };
        SavedView: {
            /** Format: date-time */
            created_at: string;
            created_by_name: string | null;
            /** Format: uuid */
            id: string;
            is_mine: boolean;
            is_shared: boolean;
            name: string;
            query: string;
            screen: string;
        };
        Schedule: {
            /** Format: date-time */
            applied_at: string | null;
            args: unknown[];
            blocked: string | null;
            capabilities: string[];
            catch_up: string;
            catch_up_deadline_seconds: number | null;
            catch_up_limit: number | null;
            /** Format: date-time */
            created_at: string;
            description: string | null;
            drift: unknown;
            /** Format: date-time */
            ends_at: string | null;
            engine: string;
            expression: string;
            external_id: string | null;
            failures: number;
            /** Format: uuid */
            id: string;
            instance: string | null;
            is_enabled: boolean;
            jitter_seconds: number | null;
            kind: string;
            kwargs: Record<string, never>;
            /** Format: date-time */
            last_run_at: string | null;
            max_failures: number | null;
            name: string;
            /** Format: date-time */
            next_run_at: string | null;
            options: unknown;
            overlap: string | null;
            /** Format: uuid */
            owner_agent_id: string | null;
            pending: components["schemas"]["SchedulePending"] | null;
            priority: string;
            /** Format: uuid */
            project_id: string;
            queue: string | null;
            read_only: boolean;
            read_only_reason: string | null;
            revision: number;
            scheduler: string;
            source: string;
            source_hash: string | null;
            /** Format: date-time */
            starts_at: string | null;
            stopped_why: string | null;
            task_name: string;
            timezone: string;
            total_runs: number;
            /** Format: date-time */
            updated_at: string;
        };
        ScheduleChanges: {
            current: Record<string, never>;
            name: string;
            proposed: Record<string, never>;
            scheduler: string;
        }[];
        SchedulePending: {
            /** Format: uuid */
            by: string | null;
            change: string;
            /** Format: date-time */
            since: string;
            /** @enum {string} */
            state: "waiting" | "sent" | "written" | "failed" | "unknown";
            values: Record<string, never>;
            why: string | null;
        };
        Selection: {
            /** @enum {string} */
            action: "retry" | "cancel" | "delete" | "requeue";
            /** Format: date-time */
            built_at: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            created_by: string | null;
            error: string | null;
            estimated_seconds: number | null;
            /** Format: date-time */
            expires_at: string;
            filter: Record<string, never>;
            /** Format: uuid */
            id: string;
            max: number;
            /** Format: uuid */
            project_id: string;
            /** @enum {string} */
            state: "building" | "ready" | "used" | "failed";
            summary: unknown;
            total: number;
        };
        Session: {
            /** Format: uuid */
            id: string;
            ip_at_issue: string;
            is_current: boolean;
            /** Format: date-time */
            issued_at: string;
            /** Format: date-time */
            last_seen_at: string;
            user_agent_at_issue: string | null;
        };
        SignedIn: {
            mfa_required: boolean;
            password_change_required: boolean;
            user: components["schemas"]["User"];
        };
        Subscription: {
            cooldown_seconds: number;
            /** Format: date-time */
            created_at: string;
            filters: Record<string, never>;
            /** Format: uuid */
            id: string;
            in_app: boolean;
            is_active: boolean;
            /** Format: date-time */
            last_fired_at: string | null;
            /** Format: date-time */
            muted_until: string | null;
            project_channel_ids: string[];
            /** Format: uuid */
            project_id: string;
            trigger: string;
            /** Format: date-time */
            updated_at: string;
            user_channel_ids: string[];
            /** Format: uuid */
            user_id: string;
        };
        Task: {
            args: unknown;
            /** Format: date-time */
            created_at: string;
            engine: string;
            /** Format: date-time */
            eta: string | null;
            evidence: unknown;
            exception: string | null;
            fingerprint: string | null;
            /** Format: date-time */
            finished_at: string | null;
            /** Format: uuid */
            id: string;
            kwargs: unknown;
            name: string;
            parent_task_id: string | null;
            /** @enum {string} */
            priority: "critical" | "high" | "normal" | "low";
            /** Format: uuid */
            project_id: string;
            queue: string | null;
            /** Format: date-time */
            received_at: string | null;
            reconciled_as: string | null;
            /** Format: date-time */
            reconciled_at: string | null;
            result: unknown;
            retried_as: string | null;
            retry_count: number;
            retry_of: string | null;
            root_task_id: string | null;
            runtime_ms: number | null;
            /** Format: date-time */
            sort_at: string;
            /** Format: date-time */
            started_at: string | null;
            /** @enum {string} */
            state: "pending" | "received" | "started" | "success" | "failure" | "retry" | "revoked" | "rejected" | "unknown";
            tags: unknown[];
            task_id: string;
            traceback: string | null;
            /** Format: date-time */
            updated_at: string;
            worker_name: string | null;
        };
        TrustedDevice: {
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            is_current: boolean;
            label: string;
            /** Format: date-time */
            last_seen_at: string;
            /** Format: date-time */
            revoked_at: string | null;
        };
        User: {
            /** Format: date-time */
            created_at: string;
            display_name: string | null;
            email: string;
            first_name: string | null;
            /** Format: uuid */
            id: string;
            is_admin: boolean;
            last_name: string | null;
            timezone: string;
        };
        UserAdmin: {
            /** Format: date-time */
            created_at: string;
            display_name: string | null;
            email: string;
            first_name: string | null;
            has_second_factor: boolean;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            is_admin: boolean;
            /** Format: date-time */
            last_login_at: string | null;
            last_name: string | null;
            password_change_required: boolean;
            timezone: string;
            /** Format: date-time */
            updated_at: string;
        };
        UserChannel: {
            config: Record<string, never>;
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            id: string;
            is_active: boolean;
            is_verified: boolean;
            name: string;
            type: string;
            /** Format: date-time */
            updated_at: string;
        };
        Versions: {
            canonical_url: string;
            check_for_updates_url: string;
            /** Format: date-time */
            fetched_at: string | null;
            fetched_from: string | null;
            /** Format: date-time */
            generated_at: string;
            generated_by: string;
            packages: {
                [key: string]: string;
            };
            schema_version: number;
            /** @enum {string} */
            source: "bundled" | "remote";
        };
        Worker: {
            active_tasks: number;
            concurrency: number | null;
            /** Format: date-time */
            created_at: string;
            engine: string;
            failed: number;
            hostname: string | null;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            last_heartbeat: string | null;
            load_average: unknown;
            memory_bytes: number | null;
            name: string;
            pid: number | null;
            processed: number;
            /** Format: uuid */
            project_id: string;
            queues: string[];
            retried: number;
            state: string;
            succeeded: number;
        };
        WorkerLoss: {
            /** Format: date-time */
            closed_at: string | null;
            /** Format: uuid */
            closed_by: string | null;
            engine: string;
            facts: Record<string, never>;
            hostname: string | null;
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            last_heartbeat: string;
            /** Format: date-time */
            noticed_at: string;
            pid: number | null;
            /** Format: uuid */
            project_id: string;
            /** Format: date-time */
            returned_at: string | null;
            task_count: number;
            tasks: Record<string, never>[];
            verdict: string;
            worker: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    get_well_known_security_txt: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    get_activity: {
        parameters: {
            query?: {
                limit?: number;
                since_cursor?: string;
                before_cursor?: string;
                action_prefix?: string;
                project_slug?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            action: string;
                            /** Format: uuid */
                            id: string;
                            metadata: Record<string, never>;
                            /** Format: date-time */
                            occurred_at: string;
                            outcome: string | null;
                            /** Format: uuid */
                            project_id: string | null;
                            project_slug: string | null;
                            result: string;
                            source_ip: string | null;
                            target_id: string | null;
                            target_type: string;
                            /** Format: uuid */
                            user_id: string | null;
                        }[];
                        newest_cursor: string | null;
                        next_before_cursor: string | null;
                    };
                };
            };
        };
    };
    post_admin_redaction_test: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    payload: unknown;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cut: boolean;
                        kept: unknown;
                        places: string[];
                        redacted: boolean;
                    };
                };
            };
        };
    };
    get_admin_settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        settings: {
                            description: string;
                            is_secret: boolean;
                            name: string;
                            source: string;
                            value: string;
                        }[];
                        z4j_home: string;
                    };
                };
            };
        };
    };
    post_admin_smtp_test: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    to: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        accepted: boolean;
                        error: string | null;
                        from: string;
                        relay: string;
                        reply: string | null;
                        stage: string | null;
                        steps: {
                            good: boolean;
                            name: string;
                            text: string;
                        }[] | null;
                    };
                };
            };
        };
    };
    get_admin_system_versions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Versions"];
                };
            };
        };
    };
    post_admin_system_versions_check: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Versions"];
                };
            };
        };
    };
    get_agent_commands: {
        parameters: {
            query?: {
                wait?: number;
                max_frames?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        frames: string[];
                    };
                };
            };
        };
    };
    post_agent_events: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    frames: string[];
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        accepted: number;
                        error_code?: string;
                        errors: string[];
                        rejected: number;
                    };
                };
            };
        };
    };
    post_agents_mint_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    project_id: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: uuid */
                        agent_id: string;
                        brain_ws_url: string;
                        env: string;
                        hmac_secret: string;
                        name: string;
                        token: string;
                    };
                };
            };
        };
    };
    get_api_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKey"][];
                };
            };
        };
    };
    post_api_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    allowed_ips?: string[] | null;
                    expires_in_days?: number | null;
                    name: string;
                    /** Format: uuid */
                    project_id?: string | null;
                    scopes?: string[] | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        allowed_ips: string[];
                        /** Format: date-time */
                        created_at: string;
                        /** Format: date-time */
                        expires_at: string | null;
                        /** Format: uuid */
                        id: string;
                        /** Format: date-time */
                        last_used_at: string | null;
                        last_used_ip: string | null;
                        name: string;
                        prefix: string;
                        /** Format: uuid */
                        project_id: string | null;
                        project_slug: string | null;
                        /** Format: date-time */
                        revoked_at: string | null;
                        revoked_reason: string | null;
                        scopes: string[];
                        token: string;
                    };
                };
            };
        };
    };
    get_api_keys_scopes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        admin_only: string[];
                        scopes: string[];
                    };
                };
            };
        };
    };
    delete_api_keys_key_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_audit_breaks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditBreak"][];
                };
            };
        };
    };
    post_audit_breaks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    note: string;
                    reason: string;
                    /** Format: uuid */
                    row_id?: string | null;
                    seq?: number | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditBreak"];
                };
            };
        };
    };
    get_audit_bundle: {
        parameters: {
            query?: {
                from?: number;
                to?: number;
                from_time?: string;
                to_time?: string;
                since?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    get_audit_checkpoint: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: date-time */
                        created_at: string | null;
                        is_witnessed: boolean;
                        key: string;
                        note: string | null;
                        previous_keys: string[];
                        root_hash: string | null;
                        size: number;
                        witness_key: string | null;
                    };
                };
            };
        };
    };
    get_audit_verify: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditVerdict"];
                };
            };
        };
    };
    post_audit_verify: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditVerdict"];
                };
            };
        };
    };
    post_auth_change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    current_password: string;
                    new_password: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
        };
    };
    get_auth_csrf: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        csrf_token: string;
                    };
                };
            };
        };
    };
    post_auth_login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    email: string;
                    password: string;
                    remember_me?: boolean | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedIn"];
                };
            };
        };
    };
    post_auth_logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
        };
    };
    patch_auth_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    display_name?: string | null;
                    first_name?: string | null;
                    last_name?: string | null;
                    timezone?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
        };
    };
    post_auth_mfa_disable: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code: string;
                    password: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ok: boolean;
                        remaining_recovery_codes: number | null;
                        used_recovery_code: boolean;
                    };
                };
            };
        };
    };
    post_auth_mfa_enroll_complete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        recovery_codes: string[];
                    };
                };
            };
        };
    };
    post_auth_mfa_enroll_start: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        provisioning_url: string;
                        secret_base32: string;
                    };
                };
            };
        };
    };
    post_auth_mfa_recovery_codes_regenerate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        recovery_codes: string[];
                    };
                };
            };
        };
    };
    get_auth_mfa_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        enrolled: boolean;
                        /** Format: date-time */
                        enrolled_at: string | null;
                        remaining_recovery_codes: number;
                    };
                };
            };
        };
    };
    get_auth_mfa_trusted_devices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrustedDevice"][];
                };
            };
        };
    };
    post_auth_mfa_trusted_devices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrustedDevice"];
                };
            };
        };
    };
    patch_auth_mfa_trusted_devices_device_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                device_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    label: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrustedDevice"];
                };
            };
        };
    };
    post_auth_mfa_trusted_devices_device_id_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                device_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_mfa_verify: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code: string;
                    remember_device?: boolean | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ok: boolean;
                        remaining_recovery_codes: number | null;
                        used_recovery_code: boolean;
                    };
                };
            };
        };
    };
    get_auth_oidc: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        enabled: boolean;
                        name: string | null;
                    };
                };
            };
        };
    };
    get_auth_oidc_callback: {
        parameters: {
            query?: {
                state?: string;
                code?: string;
                iss?: string;
                error?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            303: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_oidc_start: {
        parameters: {
            query?: {
                next?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description refused */
            303: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_password_reset_confirm: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    new_password: string;
                    token: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        success: boolean;
                    };
                };
            };
        };
    };
    post_auth_password_reset_request: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    email: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        accepted: boolean;
                    };
                };
            };
        };
    };
    get_auth_policy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        character_class_names: string[];
                        min_length: number;
                        required_character_classes: number;
                    };
                };
            };
        };
    };
    get_auth_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"][];
                };
            };
        };
    };
    post_auth_sessions_revoke_others: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        revoked: number;
                    };
                };
            };
        };
    };
    post_auth_sessions_session_id_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                session_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        revoked: boolean;
                    };
                };
            };
        };
    };
    post_csp_reports: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    get_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        reason?: string;
                        status: string;
                    };
                };
            };
        };
    };
    get_health_ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        reason?: string;
                        status: string;
                    };
                };
            };
        };
    };
    get_health_system: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        abi_version: string;
                        architecture: string;
                        database_connections: number | null;
                        database_error?: string;
                        database_size_mb: number | null;
                        database_type: string | null;
                        database_version: string | null;
                        os: string;
                        packages: {
                            [key: string]: string;
                        };
                        pid: number;
                        python_implementation: string;
                        python_version: string;
                        reason?: string;
                        runtime: string;
                        status: string;
                        uptime_seconds: number;
                        z4j_version: string;
                    } & {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    get_home_recent_failures: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            engine: string;
                            exception: string | null;
                            /** Format: uuid */
                            id: string;
                            /** Format: date-time */
                            occurred_at: string;
                            priority: string;
                            /** Format: uuid */
                            project_id: string;
                            project_name: string;
                            project_slug: string;
                            task_id: string;
                            task_name: string | null;
                            worker: string | null;
                        }[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_home_summary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        aggregate: components["schemas"]["HomeFigures"];
                        attention: {
                            count: number | null;
                            /** @enum {string} */
                            kind: "agent_offline" | "high_failure_rate" | "stuck_commands";
                            message: string;
                            /** Format: uuid */
                            project_id: string;
                            project_name: string;
                            project_slug: string;
                            /** @enum {string} */
                            severity: "critical" | "warning";
                        }[];
                        projects: {
                            agents_online: number;
                            agents_total: number;
                            environment: string;
                            failure_rate_24h: number;
                            failures_24h: number;
                            /** @enum {string} */
                            health: "offline" | "degraded" | "idle" | "healthy";
                            /** Format: uuid */
                            id: string;
                            /** Format: date-time */
                            last_activity_at: string | null;
                            name: string;
                            /** @enum {string|null} */
                            role: "viewer" | "operator" | "admin" | null;
                            slug: string;
                            stuck_commands: number;
                            tasks_24h: number;
                            workers_online: number;
                            workers_total: number;
                        }[];
                        user: {
                            display_name: string | null;
                            email: string;
                            /** Format: uuid */
                            id: string;
                            is_admin: boolean;
                        };
                    };
                };
            };
        };
    };
    post_invitations_accept: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    display_name?: string | null;
                    password?: string | null;
                    token: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        project_slug: string;
                        /** @enum {string} */
                        role: "viewer" | "operator" | "admin";
                        /** Format: uuid */
                        user_id: string;
                    };
                };
            };
        };
    };
    get_invitations_preview: {
        parameters: {
            query: {
                token: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        email: string;
                        /** Format: date-time */
                        expires_at: string;
                        project_name: string;
                        project_slug: string;
                        /** @enum {string} */
                        role: "viewer" | "operator" | "admin";
                    };
                };
            };
        };
    };
    get_openapi_json: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description as it was */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugins: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Plugin"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_plugins_instance: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                instance: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginDetail"];
                };
            };
        };
    };
    post_plugins_instance_disable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                instance: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginDetail"];
                };
            };
        };
    };
    post_plugins_instance_enable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                instance: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginDetail"];
                };
            };
        };
    };
    delete_plugins_instance_override: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                instance: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginDetail"];
                };
            };
        };
    };
    get_plugins_instance_schema: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                instance: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        schema: Record<string, never>;
                    };
                };
            };
        };
    };
    put_plugins_instance_settings: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                instance: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    settings: Record<string, never>;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginDetail"];
                };
            };
        };
    };
    post_plugins_instance_validate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                instance: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    settings: Record<string, never>;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        problems: components["schemas"]["PluginProblem"][];
                        valid: boolean;
                    };
                };
            };
        };
    };
    get_projects: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"][];
                };
            };
        };
    };
    post_projects: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    allowed_schedulers?: string[] | null;
                    default_scheduler_owner?: string | null;
                    description?: string | null;
                    environment?: string | null;
                    name: string;
                    retention_days?: number | null;
                    slug: string;
                    timezone?: string | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
        };
    };
    get_projects_slug: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
        };
    };
    delete_projects_slug: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_projects_slug: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    allowed_schedulers?: string[] | null;
                    default_scheduler_owner?: string | null;
                    description?: string | null;
                    environment?: string | null;
                    name?: string | null;
                    retention_days?: number | null;
                    slug?: string | null;
                    timezone?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
        };
    };
    get_projects_slug_agent_workers: {
        parameters: {
            query?: {
                state?: "online" | "offline";
                role?: "web" | "task" | "scheduler" | "beat" | "other";
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: uuid */
                        agent_id: string;
                        /** Format: date-time */
                        created_at: string;
                        framework: string | null;
                        /** Format: uuid */
                        id: string;
                        /** Format: date-time */
                        last_connect_at: string | null;
                        /** Format: date-time */
                        last_seen_at: string | null;
                        pid: number | null;
                        /** Format: uuid */
                        project_id: string;
                        role: string | null;
                        /** Format: date-time */
                        started_at: string | null;
                        state: string;
                        /** Format: date-time */
                        updated_at: string;
                        worker_id: string | null;
                    }[];
                };
            };
        };
    };
    get_projects_slug_agents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"][];
                };
            };
        };
    };
    post_projects_slug_agents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentCredentials"];
                };
            };
        };
    };
    get_projects_slug_agents_versions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        behind: {
                            agent_version: string;
                            /** Format: uuid */
                            id: string;
                            message: string;
                            name: string;
                            state: string;
                            version_status: string | null;
                        }[];
                        brain_version: string;
                        items: {
                            agent_version: string;
                            /** Format: uuid */
                            id: string;
                            name: string;
                            state: string;
                            version_status: string | null;
                        }[];
                        message: string | null;
                        program_version: string;
                    };
                };
            };
        };
    };
    get_projects_slug_agents_agent_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                agent_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        agent_version: string | null;
                        capabilities: {
                            [key: string]: string[];
                        };
                        clock_skew_ms: number | null;
                        /** Format: date-time */
                        created_at: string;
                        engine_adapters: string[];
                        engines: Record<string, never>[];
                        events_dropped: number;
                        events_persisted: number;
                        framework_adapter: string;
                        host_name: string | null;
                        /** Format: uuid */
                        id: string;
                        is_behind: boolean;
                        is_local: boolean;
                        is_outdated: boolean;
                        is_revoked: boolean;
                        /** Format: date-time */
                        last_connect_at: string | null;
                        /** Format: date-time */
                        last_event_at: string | null;
                        /** Format: date-time */
                        last_seen_at: string | null;
                        name: string;
                        /** Format: date-time */
                        previous_token_until: string | null;
                        /** Format: uuid */
                        project_id: string;
                        protocol_version: string;
                        registry_size: number | null;
                        runtime_features: unknown[];
                        scheduler_adapters: string[];
                        /** @enum {string} */
                        state: "online" | "offline" | "unknown";
                        state_reason: string | null;
                        telemetry: Record<string, never>;
                        /** Format: date-time */
                        token_changed_at: string | null;
                        transport: string | null;
                        version_status: string | null;
                    } & {
                        [key: string]: unknown;
                    };
                };
            };
        };
    };
    delete_projects_slug_agents_agent_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                agent_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_projects_slug_agents_agent_id_connections: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
                agent_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            /** Format: uuid */
                            agent_id: string;
                            agent_version: string | null;
                            close_code: number | null;
                            /** Format: date-time */
                            connected_at: string;
                            /** Format: date-time */
                            disconnected_at: string | null;
                            /** Format: uuid */
                            id: string;
                            reason: string | null;
                            source_ip: string | null;
                            transport: string;
                            worker_id: string | null;
                        }[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_agents_agent_id_registry: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
                agent_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            engine: string | null;
                            /** Format: date-time */
                            first_seen_at: string | null;
                            /** Format: date-time */
                            last_seen_at: string | null;
                            name: string;
                            workers: unknown[];
                        }[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_agents_agent_id_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                agent_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
        };
    };
    post_projects_slug_agents_agent_id_rotate_token: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                agent_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    overlap_seconds?: number | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentCredentials"];
                };
            };
        };
    };
    get_projects_slug_audit: {
        parameters: {
            query?: {
                action_prefix?: string;
                outcome?: string;
                user_id?: string;
                since?: string;
                cursor?: string;
                limit?: number;
                format?: "csv" | "xlsx" | "json";
                fields?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["AuditEntry"][];
                        next_cursor: string | null;
                    } | Record<string, never>[];
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                    "text/csv": string;
                };
            };
        };
    };
    get_projects_slug_bulk_jobs: {
        parameters: {
            query?: {
                state?: string;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["BulkJob"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_bulk_jobs: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    idempotency_key?: string | null;
                    params?: Record<string, never> | null;
                    rate_per_second?: number | null;
                    /** Format: uuid */
                    selection_id: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkJob"];
                };
            };
        };
    };
    get_projects_slug_bulk_jobs_job_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkJob"];
                };
            };
        };
    };
    post_projects_slug_bulk_jobs_job_id_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkJob"];
                };
            };
        };
    };
    get_projects_slug_bulk_jobs_job_id_items: {
        parameters: {
            query?: {
                outcome?: string;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["BulkItem"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_bulk_jobs_job_id_pause: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkJob"];
                };
            };
        };
    };
    get_projects_slug_bulk_jobs_job_id_report: {
        parameters: {
            query?: {
                format?: "csv" | "xlsx" | "json";
                outcome?: string;
            };
            header?: never;
            path: {
                slug: string;
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>[];
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                    "text/csv": string;
                };
            };
        };
    };
    post_projects_slug_bulk_jobs_job_id_resume: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkJob"];
                };
            };
        };
    };
    get_projects_slug_capabilities: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            abilities: {
                                action: string;
                                available: boolean;
                                /** @enum {string} */
                                how: "native" | "emulated" | "conditional" | "impossible";
                                reason?: string | null;
                                workers?: Record<string, never>;
                            }[];
                            /** Format: uuid */
                            agent_id: string;
                            engine: string;
                            is_online: boolean;
                        }[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_commands: {
        parameters: {
            query?: {
                status?: string;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Command"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_commands_add_consumer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue: string;
                    queue_if_offline?: boolean | null;
                    worker_name: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_autoscale: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    max: number;
                    min: number;
                    queue_if_offline?: boolean | null;
                    worker_name: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_bulk_retry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    filter?: Record<string, never> | null;
                    idempotency_key?: string | null;
                    max?: number | null;
                    queue_if_offline?: boolean | null;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_cancel_consumer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue: string;
                    queue_if_offline?: boolean | null;
                    worker_name: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_cancel_task: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine: string;
                    idempotency_key?: string | null;
                    queue_if_offline?: boolean | null;
                    task_id: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_delete_task: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine: string;
                    idempotency_key?: string | null;
                    queue?: string | null;
                    queue_if_offline?: boolean | null;
                    task_id: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_pause_queue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue?: string | null;
                    queue_if_offline?: boolean | null;
                    seconds?: number | null;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_pool_resize: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    delta: number;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue_if_offline?: boolean | null;
                    worker_name: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_purge_queue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    confirm_token?: string | null;
                    copy?: boolean | null;
                    engine?: string | null;
                    force?: boolean | null;
                    idempotency_key?: string | null;
                    queue: string;
                    queue_if_offline?: boolean | null;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_purge_token: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue: string;
                    queue_if_offline?: boolean | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: uuid */
                        agent_id: string;
                        confirm_token: string | null;
                        depth: number;
                        engine: string;
                        is_fresh: boolean;
                        queue: string;
                        /** Format: date-time */
                        read_at: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_commands_rate_limit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue_if_offline?: boolean | null;
                    rate: string;
                    task_name: string;
                    worker_name?: string | null;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_requeue_dead_letter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine: string;
                    idempotency_key?: string | null;
                    queue: string;
                    queue_if_offline?: boolean | null;
                    task_id: string;
                    to?: string | null;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_restart_worker: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue_if_offline?: boolean | null;
                    worker_name: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_resume_queue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue?: string | null;
                    queue_if_offline?: boolean | null;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_retry_preview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    engine: string;
                    override_args?: unknown[] | null;
                    override_kwargs?: Record<string, never> | null;
                    task_id: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        args: unknown;
                        changes: {
                            after: unknown;
                            before: unknown;
                            /** @enum {string} */
                            kind: "added" | "removed" | "changed";
                            pointer: string;
                        }[];
                        engine: string;
                        is_edited: boolean;
                        is_known: boolean;
                        kwargs: unknown;
                        priority: string | null;
                        queue: string | null;
                        retried_as: string | null;
                        state: string;
                        task_id: string;
                        task_name: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_commands_retry_task: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine: string;
                    eta_seconds?: number | null;
                    idempotency_key?: string | null;
                    override_args?: unknown[] | null;
                    override_kwargs?: Record<string, never> | null;
                    queue_if_offline?: boolean | null;
                    task_id: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_shutdown_worker: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    idempotency_key?: string | null;
                    queue_if_offline?: boolean | null;
                    worker_name: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_submit_task: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    args?: unknown[] | null;
                    engine: string;
                    eta_seconds?: number | null;
                    idempotency_key?: string | null;
                    kwargs?: Record<string, never> | null;
                    priority?: string | null;
                    queue?: string | null;
                    queue_if_offline?: boolean | null;
                    task_name: string;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    post_projects_slug_commands_time_limit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    agent_id?: string | null;
                    engine?: string | null;
                    hard?: number | null;
                    idempotency_key?: string | null;
                    queue_if_offline?: boolean | null;
                    soft?: number | null;
                    task_name: string;
                    worker_name?: string | null;
                };
            };
        };
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    get_projects_slug_commands_command_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                command_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
        };
    };
    get_projects_slug_deploys: {
        parameters: {
            query?: {
                since?: string;
                until?: string;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Deploy"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_deploys: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: date-time */
                    at?: string | null;
                    label: string;
                    note?: string | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deploy"];
                };
            };
        };
    };
    delete_projects_slug_deploys_deploy_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                deploy_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_projects_slug_errors: {
        parameters: {
            query?: {
                hours?: number;
                name?: string;
                queue?: string;
                exception?: string;
                q?: string;
                order?: "count" | "last_seen" | "first_seen";
                buckets?: number;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        bucket_seconds: number;
                        items: components["schemas"]["ErrorGroup"][];
                        next_cursor: string | null;
                        /** Format: date-time */
                        since: string;
                        total_groups: number;
                        truncated: boolean;
                        /** Format: date-time */
                        until: string;
                    };
                };
            };
        };
    };
    get_projects_slug_errors_fingerprint: {
        parameters: {
            query?: {
                hours?: number;
                buckets?: number;
            };
            header?: never;
            path: {
                slug: string;
                fingerprint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        bucket_seconds: number;
                        by_name: {
                            count: number;
                            value: string;
                        }[];
                        by_queue: {
                            count: number;
                            value: string;
                        }[];
                        count: number;
                        exception: string | null;
                        fingerprint: string;
                        /** Format: date-time */
                        first_seen_at: string;
                        is_new: boolean;
                        /** Format: date-time */
                        last_seen_at: string;
                        message: string | null;
                        open_failures: number;
                        open_failures_capped: boolean;
                        queues: string[];
                        sample: {
                            engine: string;
                            task_id: string;
                        } | null;
                        series: number[];
                        /** Format: date-time */
                        since: string;
                        task_names: string[];
                        task_names_more: boolean;
                        traceback: string | null;
                        /** Format: date-time */
                        until: string;
                    };
                };
            };
        };
    };
    get_projects_slug_event_sources: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            /** Format: uuid */
                            agent_id: string;
                            events_dropped: number;
                            events_persisted: number;
                            ingest: Record<string, never>;
                            /** Format: date-time */
                            last_event_at: string | null;
                            name: string;
                            state: string;
                        }[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_events: {
        parameters: {
            query: {
                engine: string;
                task_id: string;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            /** Format: uuid */
                            agent_id: string;
                            engine: string;
                            /** Format: uuid */
                            id: string;
                            kind: string;
                            /** Format: date-time */
                            occurred_at: string;
                            payload: Record<string, never>;
                            /** Format: uuid */
                            project_id: string;
                            task_id: string;
                        }[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_findings: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: date-time */
                        at: string;
                        checked: string[];
                        /** Format: date-time */
                        clear_since: string | null;
                        items: {
                            count: number | null;
                            evidence: string | null;
                            kind: string;
                            /** @enum {string} */
                            severity: "critical" | "warning";
                            /** Format: date-time */
                            since: string | null;
                            subject: {
                                engine: string | null;
                                id: string;
                                type: string;
                            } | null;
                            title: string;
                        }[];
                        unknown: string[];
                    };
                };
            };
        };
    };
    get_projects_slug_gaps: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            /** Format: uuid */
                            agent_id: string;
                            /** Format: date-time */
                            created_at: string;
                            engine: string;
                            /** Format: date-time */
                            from_at: string;
                            /** Format: uuid */
                            id: string;
                            lost: number | null;
                            /** Format: uuid */
                            project_id: string;
                            rebuilt: number | null;
                            /** Format: date-time */
                            to_at: string;
                            why: string | null;
                        }[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_invitations: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invitation"][];
                };
            };
        };
    };
    post_projects_slug_invitations: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    email: string;
                    /** @enum {string|null} */
                    role?: "viewer" | "operator" | "admin" | null;
                    ttl_days?: number | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        accept_url_path: string;
                        email_sent: boolean;
                        invitation: components["schemas"]["Invitation"];
                        token: string;
                    };
                };
            };
        };
    };
    delete_projects_slug_invitations_invitation_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                invitation_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_projects_slug_memberships: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Membership"][];
                };
            };
        };
    };
    post_projects_slug_memberships: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    role: string;
                    /** Format: uuid */
                    user_id: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Membership"];
                };
            };
        };
    };
    delete_projects_slug_memberships_membership_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                membership_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_projects_slug_memberships_membership_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                membership_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    role: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Membership"];
                };
            };
        };
    };
    get_projects_slug_notifications_channels: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"][];
                };
            };
        };
    };
    post_projects_slug_notifications_channels: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    config?: Record<string, never> | null;
                    is_active?: boolean | null;
                    name: string;
                    type: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
        };
    };
    post_projects_slug_notifications_channels_import_from_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name?: string | null;
                    /** Format: uuid */
                    user_channel_id: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
        };
    };
    post_projects_slug_notifications_channels_test: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    config?: Record<string, never> | null;
                    type: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelTest"];
                };
            };
        };
    };
    delete_projects_slug_notifications_channels_channel_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                channel_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_projects_slug_notifications_channels_channel_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                channel_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    config?: Record<string, never> | null;
                    is_active?: boolean | null;
                    name?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Channel"];
                };
            };
        };
    };
    post_projects_slug_notifications_channels_channel_id_test: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                channel_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelTest"];
                };
            };
        };
    };
    get_projects_slug_notifications_defaults: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DefaultSubscription"][];
                };
            };
        };
    };
    post_projects_slug_notifications_defaults: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    cooldown_seconds?: number | null;
                    filters?: Record<string, never> | null;
                    in_app?: boolean | null;
                    project_channel_ids?: string[] | null;
                    trigger: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DefaultSubscription"];
                };
            };
        };
    };
    delete_projects_slug_notifications_defaults_default_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                default_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_projects_slug_notifications_defaults_default_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                default_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    cooldown_seconds?: number | null;
                    filters?: Record<string, never> | null;
                    in_app?: boolean | null;
                    project_channel_ids?: string[] | null;
                    trigger?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DefaultSubscription"];
                };
            };
        };
    };
    get_projects_slug_notifications_deliveries: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Delivery"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    delete_projects_slug_notifications_deliveries: {
        parameters: {
            query?: {
                before?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        deleted: number;
                    };
                };
            };
        };
    };
    get_projects_slug_queue_copies: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["QueueCopy"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_queue_copies_copy_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                copy_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QueueCopy"];
                };
            };
        };
    };
    delete_projects_slug_queue_copies_copy_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                copy_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_projects_slug_queue_copies_copy_id_restore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                copy_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QueueCopy"];
                };
            };
        };
    };
    get_projects_slug_queue_depths: {
        parameters: {
            query?: {
                hours?: number;
                buckets?: number;
                engine?: string;
                queue?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        bucket_seconds: number;
                        items: {
                            engine: string;
                            oldest_seconds: (number | null)[];
                            pending: (number | null)[];
                            queue: string;
                        }[];
                        /** Format: date-time */
                        since: string;
                        truncated: boolean;
                        /** Format: date-time */
                        until: string;
                    };
                };
            };
        };
    };
    get_projects_slug_queues: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        broker_type: string | null;
                        broker_url_hint: string | null;
                        consumer_count: number | null;
                        /** Format: date-time */
                        created_at: string;
                        engine: string;
                        /** Format: uuid */
                        id: string;
                        is_paused: boolean;
                        /** Format: date-time */
                        last_seen_at: string | null;
                        name: string;
                        oldest_age_seconds: number | null;
                        /** Format: date-time */
                        oldest_at: string | null;
                        pending_count: number | null;
                        /** Format: uuid */
                        project_id: string;
                        scheduled_count: number | null;
                        unacked_count: number | null;
                    }[];
                };
            };
        };
    };
    get_projects_slug_queues_engine_queue_dead_letters: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                slug: string;
                engine: string;
                queue: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, never>[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_queues_engine_queue_waiting: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                slug: string;
                engine: string;
                queue: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, never>[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_remembered_cancels: {
        parameters: {
            query?: {
                engine?: string;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["RememberedCancel"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    delete_projects_slug_remembered_cancels_cancel_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                cancel_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_projects_slug_schedules: {
        parameters: {
            query?: {
                scheduler?: string;
                engine?: string;
                is_enabled?: boolean;
                search?: string;
                source?: string;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Schedule"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_schedules: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    args?: unknown[] | null;
                    /** @enum {string|null} */
                    catch_up?: "skip" | "fire_one_missed" | "fire_all_missed" | null;
                    catch_up_deadline_seconds?: number | null;
                    catch_up_limit?: number | null;
                    description?: string | null;
                    /** Format: date-time */
                    ends_at?: string | null;
                    engine: string;
                    expression: string;
                    is_enabled?: boolean | null;
                    jitter_seconds?: number | null;
                    /** @enum {string} */
                    kind: "cron" | "interval" | "clocked" | "one_shot" | "solar";
                    kwargs?: Record<string, never> | null;
                    max_failures?: number | null;
                    name: string;
                    options?: Record<string, never> | null;
                    /** @enum {string|null} */
                    overlap?: "allow" | "skip" | null;
                    /** @enum {string|null} */
                    priority?: "critical" | "high" | "normal" | "low" | null;
                    queue?: string | null;
                    scheduler?: string | null;
                    source?: string | null;
                    source_hash?: string | null;
                    /** Format: date-time */
                    starts_at?: string | null;
                    task_name: string;
                    timezone?: string | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
        };
    };
    get_projects_slug_schedules_schedule_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                schedule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
        };
    };
    delete_projects_slug_schedules_schedule_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                schedule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_projects_slug_schedules_schedule_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                schedule_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    args?: unknown[] | null;
                    /** @enum {string|null} */
                    catch_up?: "skip" | "fire_one_missed" | "fire_all_missed" | null;
                    catch_up_deadline_seconds?: number | null;
                    catch_up_limit?: number | null;
                    description?: string | null;
                    /** Format: date-time */
                    ends_at?: string | null;
                    engine?: string | null;
                    expression?: string | null;
                    is_enabled?: boolean | null;
                    jitter_seconds?: number | null;
                    /** @enum {string|null} */
                    kind?: "cron" | "interval" | "clocked" | "one_shot" | "solar" | null;
                    kwargs?: Record<string, never> | null;
                    max_failures?: number | null;
                    options?: Record<string, never> | null;
                    /** @enum {string|null} */
                    overlap?: "allow" | "skip" | null;
                    /** @enum {string|null} */
                    priority?: "critical" | "high" | "normal" | "low" | null;
                    queue?: string | null;
                    source_hash?: string | null;
                    /** Format: date-time */
                    starts_at?: string | null;
                    task_name?: string | null;
                    timezone?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
        };
    };
    post_projects_slug_schedules_schedule_id_disable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                schedule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
        };
    };
    post_projects_slug_schedules_schedule_id_enable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                schedule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
        };
    };
    get_projects_slug_schedules_schedule_id_fires: {
        parameters: {
            query?: {
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
                schedule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: date-time */
                        acked_at: string | null;
                        /** Format: uuid */
                        command_id: string | null;
                        /** Format: uuid */
                        created_by: string | null;
                        engine: string;
                        error_code: string | null;
                        error_message: string | null;
                        /** Format: uuid */
                        fire_id: string;
                        /** Format: date-time */
                        fired_at: string;
                        /** Format: uuid */
                        id: string;
                        latency_ms: number | null;
                        reason: string;
                        /** Format: uuid */
                        schedule_id: string;
                        /** Format: date-time */
                        scheduled_for: string;
                        status: string;
                        task_id: string | null;
                        task_state: string | null;
                    }[];
                };
            };
        };
    };
    get_projects_slug_schedules_schedule_id_preview: {
        parameters: {
            query?: {
                count?: number;
                from?: string;
            };
            header?: never;
            path: {
                slug: string;
                schedule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: date-time */
                        from: string;
                        is_enabled: boolean;
                        /** Format: uuid */
                        schedule_id: string;
                        times: string[];
                    };
                };
            };
        };
    };
    post_projects_slug_schedules_schedule_id_trigger: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                schedule_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    idempotency_key?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: date-time */
                        applied_at: string | null;
                        args: unknown[];
                        blocked: string | null;
                        capabilities: string[];
                        catch_up: string;
                        catch_up_deadline_seconds: number | null;
                        catch_up_limit: number | null;
                        /** Format: date-time */
                        created_at: string;
                        description: string | null;
                        drift: unknown;
                        /** Format: date-time */
                        ends_at: string | null;
                        engine: string;
                        expression: string;
                        external_id: string | null;
                        failures: number;
                        /** Format: uuid */
                        id: string;
                        instance: string | null;
                        is_enabled: boolean;
                        jitter_seconds: number | null;
                        kind: string;
                        kwargs: Record<string, never>;
                        /** Format: date-time */
                        last_run_at: string | null;
                        max_failures: number | null;
                        name: string;
                        /** Format: date-time */
                        next_run_at: string | null;
                        options: unknown;
                        overlap: string | null;
                        /** Format: uuid */
                        owner_agent_id: string | null;
                        pending: components["schemas"]["SchedulePending"] | null;
                        priority: string;
                        /** Format: uuid */
                        project_id: string;
                        queue: string | null;
                        read_only: boolean;
                        read_only_reason: string | null;
                        revision: number;
                        scheduler: string;
                        source: string;
                        source_hash: string | null;
                        /** Format: date-time */
                        starts_at: string | null;
                        stopped_why: string | null;
                        task_name: string;
                        timezone: string;
                        total_runs: number;
                        trigger: Record<string, never>;
                        /** Format: date-time */
                        updated_at: string;
                    };
                };
            };
        };
    };
    post_projects_slug_schedules_diff: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {string|null} */
                    mode?: "upsert" | "replace_for_source" | null;
                    schedules: Record<string, never>[];
                    source_filter?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        deleted: components["schemas"]["ScheduleChanges"];
                        errors: {
                            [key: string]: string;
                        };
                        inserted: components["schemas"]["ScheduleChanges"];
                        summary: {
                            delete: number;
                            insert: number;
                            total: number;
                            unchanged: number;
                            update: number;
                        };
                        unchanged: components["schemas"]["ScheduleChanges"];
                        updated: components["schemas"]["ScheduleChanges"];
                    };
                };
            };
        };
    };
    get_projects_slug_schedules_export: {
        parameters: {
            query?: {
                form?: "z4j" | "own";
                instance?: string;
                scheduler?: string;
                engine?: string;
                is_enabled?: boolean;
                search?: string;
                source?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        form: string;
                        instance?: string;
                        scheduler?: string;
                        schedules: Record<string, never>[];
                    };
                };
            };
        };
    };
    post_projects_slug_schedules_import: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {string|null} */
                    form?: "z4j" | "own" | null;
                    instance?: string | null;
                    /** @enum {string|null} */
                    mode?: "upsert" | "replace_for_source" | null;
                    schedules: Record<string, never>[];
                    source_filter?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        deleted: number;
                        errors: {
                            [key: string]: string;
                        };
                        failed: number;
                        inserted: number;
                        unchanged: number;
                        updated: number;
                    };
                };
            };
        };
    };
    post_projects_slug_schedules_resync: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description taken */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        agents_dispatched: number;
                        instances_asked: number;
                        schedulers_observed: string[];
                    };
                };
            };
        };
    };
    post_projects_slug_schedules_simulate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    against_fires?: boolean | null;
                    bucket_seconds?: number | null;
                    /** Format: date-time */
                    from?: string | null;
                    most?: number | null;
                    schedule_ids?: string[] | null;
                    /** Format: date-time */
                    until?: string | null;
                    what_if?: Record<string, never>[] | null;
                    with_disabled?: boolean | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        comparisons?: {
                            expected: number;
                            fired: number;
                            missed: string[];
                            missed_count: number;
                            schedule: number;
                            skipped: number;
                            unexpected: number;
                            was_edited: boolean;
                        }[];
                        fires: {
                            /** Format: date-time */
                            at: string;
                            schedule: number;
                        }[];
                        fires_count: number;
                        /** Format: date-time */
                        from: string;
                        is_cut: boolean;
                        load: {
                            buckets: {
                                /** Format: date-time */
                                at: string;
                                busy_ms: number;
                                fires: number;
                                peak_running: number;
                            }[];
                            concurrency: number;
                            engine: string;
                            peak_running: number;
                            without_runtime: number;
                        }[];
                        same_instant: components["schemas"]["Collision"][];
                        same_minute: components["schemas"]["Collision"][];
                        schedules: {
                            engine: string;
                            fires: number;
                            is_changed: boolean;
                            is_cut: boolean;
                            name: string;
                            runtime_ms: number | null;
                            /** Format: uuid */
                            schedule_id: string | null;
                            scheduler: string;
                            task_name: string;
                            why_not: string | null;
                        }[];
                        /** Format: date-time */
                        until: string;
                    };
                };
            };
        };
    };
    get_projects_slug_selections: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Selection"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    post_projects_slug_selections: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {string} */
                    action: "retry" | "cancel" | "delete" | "requeue";
                    filter?: Record<string, never> | null;
                    max?: number | null;
                    task_ids?: string[] | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Selection"];
                };
            };
        };
    };
    get_projects_slug_selections_selection_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                selection_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Selection"];
                };
            };
        };
    };
    delete_projects_slug_selections_selection_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                selection_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_projects_slug_selections_selection_id_items: {
        parameters: {
            query?: {
                outcome?: string;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
                selection_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["BulkItem"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_stats: {
        parameters: {
            query?: {
                hours?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        agents_offline: number;
                        agents_online: number;
                        commands_completed_24h: number;
                        commands_failed_24h: number;
                        commands_pending: number;
                        commands_timeout_24h: number;
                        failure_rate_24h: number;
                        queue_depths: {
                            broker_type: string | null;
                            engine: string;
                            /** Format: date-time */
                            last_seen_at: string | null;
                            name: string;
                            pending_count: number;
                        }[];
                        system_health: {
                            agents_all_online: boolean;
                            brain_db_ok: boolean;
                            failure_rate_ok: boolean;
                            queue_depth_ok: boolean;
                            /** @enum {string} */
                            status: "healthy" | "degraded" | "critical";
                        };
                        tasks_approximate: boolean;
                        tasks_by_state: {
                            [key: string]: number;
                        };
                        tasks_capped: boolean;
                        tasks_failed_24h: number;
                        tasks_succeeded_24h: number;
                        tasks_total: number;
                        workers_offline: number;
                        workers_online: number;
                    };
                };
            };
        };
    };
    get_projects_slug_suggestions: {
        parameters: {
            query: {
                field: "name" | "queue" | "worker" | "engine" | "exception";
                prefix?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            value: string;
                        }[];
                    };
                };
            };
        };
    };
    get_projects_slug_task_figures: {
        parameters: {
            query: {
                name: string;
                hours?: number;
                buckets?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        before: {
                            failed: number;
                            failure_rate: number;
                            runtime_ms: components["schemas"]["RunTimes"] | null;
                            succeeded: number;
                        };
                        bucket_seconds: number;
                        engine: string;
                        failed: number;
                        failure_rate: number;
                        histogram: {
                            count: number;
                            le_ms: number | null;
                        }[];
                        name: string;
                        per_minute: number;
                        retried: number;
                        retry_share: number;
                        revoked: number;
                        runtime_ms: components["schemas"]["RunTimes"] | null;
                        sent: number;
                        series: {
                            failed: number;
                            p50: number | null;
                            p95: number | null;
                            p99: number | null;
                            retried: number;
                            revoked: number;
                            succeeded: number;
                            /** Format: date-time */
                            t: string;
                        }[];
                        /** Format: date-time */
                        since: string;
                        succeeded: number;
                        /** Format: date-time */
                        until: string;
                        wait_ms: {
                            p50: number;
                            p95: number;
                            p99: number;
                            sampled: number;
                        } | null;
                    };
                };
            };
        };
    };
    get_projects_slug_task_names: {
        parameters: {
            query?: {
                hours?: number;
                q?: string;
                order?: "count" | "failures" | "failure_rate" | "runtime" | "p95";
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["NameFigures"][];
                        next_cursor: string | null;
                        /** Format: date-time */
                        since: string;
                        truncated: boolean;
                        /** Format: date-time */
                        until: string;
                    };
                };
            };
        };
    };
    get_projects_slug_tasks: {
        parameters: {
            query?: {
                state?: string;
                priority?: string;
                name?: string;
                search?: string;
                queue?: string;
                worker?: string;
                engine?: string;
                fingerprint?: string;
                arg?: string;
                since?: string;
                until?: string;
                cursor?: string;
                limit?: number;
                format?: "csv" | "xlsx" | "json";
                fields?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Task"][];
                        next_cursor: string | null;
                        /** Format: date-time */
                        searched_until?: string;
                    } | Record<string, never>[];
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                    "text/csv": string;
                };
            };
        };
    };
    post_projects_slug_tasks_bulk_delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    filter_name?: string | null;
                    filter_queue?: string | null;
                    /** Format: date-time */
                    filter_since?: string | null;
                    filter_state?: string | null;
                    /** Format: date-time */
                    filter_until?: string | null;
                    task_ids?: string[] | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        deleted_count: number;
                    };
                };
            };
        };
    };
    get_projects_slug_tasks_engine_task_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                engine: string;
                task_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        args: unknown;
                        /** Format: date-time */
                        created_at: string;
                        engine: string;
                        /** Format: date-time */
                        eta: string | null;
                        evidence: unknown;
                        exception: string | null;
                        fingerprint: string | null;
                        /** Format: date-time */
                        finished_at: string | null;
                        /** Format: uuid */
                        id: string;
                        kwargs: unknown;
                        name: string;
                        parent_task_id: string | null;
                        /** @enum {string} */
                        priority: "critical" | "high" | "normal" | "low";
                        /** Format: uuid */
                        project_id: string;
                        queue: string | null;
                        /** Format: date-time */
                        received_at: string | null;
                        reconciled_as: string | null;
                        /** Format: date-time */
                        reconciled_at: string | null;
                        result: unknown;
                        retried_as: string | null;
                        retry_count: number;
                        retry_of: string | null;
                        root_task_id: string | null;
                        runtime_ms: number | null;
                        /** Format: date-time */
                        sort_at: string;
                        sources: {
                            [key: string]: {
                                /** Format: uuid */
                                agent_id: string;
                                name: string | null;
                            }[];
                        };
                        /** Format: date-time */
                        started_at: string | null;
                        /** @enum {string} */
                        state: "pending" | "received" | "started" | "success" | "failure" | "retry" | "revoked" | "rejected" | "unknown";
                        tags: unknown[];
                        task_id: string;
                        traceback: string | null;
                        /** Format: date-time */
                        updated_at: string;
                        worker_name: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_tasks_engine_task_id_tree: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                engine: string;
                task_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        node_count: number;
                        nodes: {
                            /** Format: date-time */
                            finished_at: string | null;
                            name: string;
                            parent_task_id: string | null;
                            /** Format: date-time */
                            received_at: string | null;
                            root_task_id: string | null;
                            state: string;
                            task_id: string;
                        }[];
                        root_task_id: string;
                        truncated: boolean;
                    };
                };
            };
        };
    };
    get_projects_slug_tasks_facets: {
        parameters: {
            query?: {
                state?: string;
                priority?: string;
                name?: string;
                search?: string;
                queue?: string;
                worker?: string;
                engine?: string;
                fingerprint?: string;
                arg?: string;
                since?: string;
                until?: string;
                buckets?: number;
                top?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        approximate: boolean;
                        bucket_seconds: number;
                        by_queue: {
                            count: number;
                            value: string;
                        }[] | null;
                        by_state: {
                            [key: string]: number;
                        };
                        /** Format: date-time */
                        searched_until: string | null;
                        series: {
                            counts: {
                                [key: string]: number;
                            };
                            /** Format: date-time */
                            t: string;
                        }[];
                        /** Format: date-time */
                        since: string;
                        total: number;
                        /** Format: date-time */
                        until: string;
                    };
                };
            };
        };
    };
    get_projects_slug_trends: {
        parameters: {
            query?: {
                window?: "1h" | "6h" | "24h" | "72h" | "7d" | "30d";
                bucket?: "1m" | "5m" | "15m" | "1h" | "1d";
                name?: string;
                queue?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        bucket: string;
                        series: {
                            avg_runtime_ms: number | null;
                            failure: number;
                            p50_runtime_ms: number | null;
                            p95_runtime_ms: number | null;
                            p99_runtime_ms: number | null;
                            retry: number;
                            revoked: number;
                            success: number;
                            /** Format: date-time */
                            t: string;
                            total: number;
                        }[];
                        window: string;
                    };
                };
            };
        };
    };
    get_projects_slug_views: {
        parameters: {
            query?: {
                screen?: string;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SavedView"][];
                };
            };
        };
    };
    post_projects_slug_views: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    is_shared?: boolean | null;
                    name: string;
                    query: string;
                    screen: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SavedView"];
                };
            };
        };
    };
    delete_projects_slug_views_view_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                view_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_projects_slug_worker_losses: {
        parameters: {
            query?: {
                open?: boolean;
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["WorkerLoss"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_projects_slug_worker_losses_loss_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                loss_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkerLoss"];
                };
            };
        };
    };
    post_projects_slug_worker_losses_loss_id_close: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                loss_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkerLoss"];
                };
            };
        };
    };
    get_projects_slug_worker_wishes: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            args: Record<string, never>;
                            asserted: number;
                            /** Format: date-time */
                            asserted_at: string | null;
                            /** Format: uuid */
                            command_id: string | null;
                            /** Format: date-time */
                            created_at: string;
                            engine: string;
                            /** Format: uuid */
                            id: string;
                            kind: string;
                            target: string | null;
                            /** Format: date-time */
                            updated_at: string;
                            worker_name: string | null;
                        }[];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    delete_projects_slug_worker_wishes_wish_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                wish_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_projects_slug_workers: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"][];
                };
            };
        };
    };
    get_projects_slug_workers_worker_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                slug: string;
                worker_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        active_tasks: number;
                        concurrency: number | null;
                        /** Format: date-time */
                        created_at: string;
                        engine: string;
                        failed: number;
                        hostname: string | null;
                        /** Format: uuid */
                        id: string;
                        /** Format: date-time */
                        last_heartbeat: string | null;
                        load_average: unknown;
                        memory_bytes: number | null;
                        metadata: Record<string, never>;
                        name: string;
                        pid: number | null;
                        processed: number;
                        /** Format: uuid */
                        project_id: string;
                        queues: string[];
                        retried: number;
                        state: string;
                        succeeded: number;
                    };
                };
            };
        };
    };
    get_schedulers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        healthy: number;
                        schedulers: {
                            error: string | null;
                            info: Record<string, never> | null;
                            ok: boolean | null;
                            url: string;
                        }[];
                        total: number;
                    };
                };
            };
        };
    };
    post_setup_complete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    display_name?: string | null;
                    email: string;
                    password: string;
                    token: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: uuid */
                        project_id: string;
                        user: components["schemas"]["User"];
                    };
                };
            };
        };
    };
    get_setup_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        first_boot: boolean;
                    };
                };
            };
        };
    };
    get_user_channels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserChannel"][];
                };
            };
        };
    };
    post_user_channels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    config?: Record<string, never> | null;
                    is_active?: boolean | null;
                    name: string;
                    type: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserChannel"];
                };
            };
        };
    };
    post_user_channels_import_from_project: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: uuid */
                    channel_id: string;
                    name?: string | null;
                    project_slug: string;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserChannel"];
                };
            };
        };
    };
    post_user_channels_test: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    config?: Record<string, never> | null;
                    type: string;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelTest"];
                };
            };
        };
    };
    delete_user_channels_channel_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                channel_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_user_channels_channel_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                channel_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    config?: Record<string, never> | null;
                    is_active?: boolean | null;
                    name?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserChannel"];
                };
            };
        };
    };
    post_user_channels_channel_id_test: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                channel_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelTest"];
                };
            };
        };
    };
    get_user_deliveries: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                project_slug?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Delivery"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    get_user_notifications: {
        parameters: {
            query?: {
                unread_only?: boolean;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Notification"][];
                };
            };
        };
    };
    post_user_notifications_read_all: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_user_notifications_unread_count: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        unread: number;
                    };
                };
            };
        };
    };
    post_user_notifications_notification_id_read: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                notification_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_user_subscriptions: {
        parameters: {
            query?: {
                project_id?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Subscription"][];
                        next_cursor: string | null;
                    };
                };
            };
        };
    };
    post_user_subscriptions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    cooldown_seconds?: number | null;
                    filters?: Record<string, never> | null;
                    in_app?: boolean | null;
                    project_channel_ids?: string[] | null;
                    /** Format: uuid */
                    project_id: string;
                    trigger: string;
                    user_channel_ids?: string[] | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscription"];
                };
            };
        };
    };
    delete_user_subscriptions_sub_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sub_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_user_subscriptions_sub_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sub_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    cooldown_seconds?: number | null;
                    filters?: Record<string, never> | null;
                    in_app?: boolean | null;
                    is_active?: boolean | null;
                    /** Format: date-time */
                    muted_until?: string | null;
                    project_channel_ids?: string[] | null;
                    trigger?: string | null;
                    user_channel_ids?: string[] | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscription"];
                };
            };
        };
    };
    get_users: {
        parameters: {
            query?: {
                limit?: number;
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserAdmin"][];
                };
            };
        };
    };
    post_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    display_name?: string | null;
                    email: string;
                    first_name?: string | null;
                    is_admin?: boolean | null;
                    last_name?: string | null;
                    password: string;
                    password_change_required?: boolean | null;
                    timezone?: string | null;
                };
            };
        };
        responses: {
            /** @description made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserAdmin"];
                };
            };
        };
    };
    get_users_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserAdmin"];
                };
            };
        };
    };
    delete_users_user_id: {
        parameters: {
            query?: {
                erase?: boolean;
            };
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_users_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    display_name?: string | null;
                    first_name?: string | null;
                    is_active?: boolean | null;
                    is_admin?: boolean | null;
                    last_name?: string | null;
                    timezone?: string | null;
                };
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserAdmin"];
                };
            };
        };
    };
    post_users_user_id_password: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    new_password: string;
                };
            };
        };
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_users_user_id_reset_mfa: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done, nothing to say */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_ext_instance_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                instance: string;
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": string;
                };
            };
            /** @description as it was */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_invite: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    get_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    get_reset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    get_security_txt: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    get_setup: {
        parameters: {
            query?: {
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    get_ws_agent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the socket is open */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_ws_dashboard: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the socket is open */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
