//! The part of z4j/abi.h, version 1.0, that a notifier needs. Names, order and types are those of the header.
#![allow(non_camel_case_types)]

use core::ffi::c_void;
use core::mem::size_of;

pub type z4j_status = i32;
pub type z4j_op = u64;

pub const Z4J_OK: z4j_status = 0;
pub const Z4J_INVALID: z4j_status = 100;
pub const Z4J_NO_MEMORY: z4j_status = 301;
pub const Z4J_LOG_WARN: i32 = 3;
pub const Z4J_LOG_ERROR: i32 = 4;
pub const Z4J_PLUGIN_MAGIC: u64 = 0x5a34_4a2d_504c_5547;
pub const Z4J_IFACE_NOTIFIER: &str = "z4j.notifier/1";

/// Borrowed bytes: valid until the function that got them returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct z4j_str {
    pub ptr: *const u8,
    pub len: usize,
}

impl z4j_str {
    pub const fn of(text: &'static str) -> Self {
        z4j_str { ptr: text.as_ptr(), len: text.len() }
    }
    /// # Safety
    /// Only while the bytes are lent.
    pub unsafe fn bytes(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        core::slice::from_raw_parts(self.ptr, self.len)
    }
}

#[repr(C)]
pub struct z4j_error {
    pub struct_size: u32,
    pub code: z4j_status,
    pub retry_after_ms: u32,
    pub reserved0: u32,
    pub place: [u8; 128], // "where" in the header
    pub message: [u8; 880],
}

/// The host's table up to what is used here; the rest is behind it.
#[repr(C)]
pub struct z4j_host {
    pub struct_size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub ctx: *mut c_void,
    pub instance_id: z4j_str,
    pub host_version: z4j_str,
    pub log_level: unsafe extern "C" fn(*mut c_void) -> i32,
    pub log: unsafe extern "C" fn(*mut c_void, i32, z4j_str, z4j_str),
}

#[repr(C)]
pub struct z4j_notification {
    pub struct_size: u32,
    pub severity: i32,
    pub is_test: i32,
    pub attempt: i32,
    pub id: z4j_str,
    pub dedup_key: z4j_str,
    pub title: z4j_str,
    pub body_text: z4j_str,
    pub url: z4j_str,
    pub target_type: z4j_str,
    pub target_json: z4j_str,
    pub context_json: z4j_str,
}

#[repr(C)]
pub struct z4j_notifier {
    pub struct_size: u32,
    pub max_body_bytes: u32,
    pub capabilities: u64,
    pub target_schema_json: z4j_str,
    pub types_json: z4j_str,
    pub send: unsafe extern "C" fn(*mut c_void, z4j_op, *const z4j_notification, *mut z4j_error) -> z4j_status,
}

#[repr(C)]
pub struct z4j_plugin {
    pub struct_size: u32,
    pub flags: u32,
    pub id: z4j_str,
    pub version: z4j_str,
    pub name: z4j_str,
    pub summary: z4j_str,
    pub vendor: z4j_str,
    pub license: z4j_str,
    pub url: z4j_str,
    pub kinds: z4j_str,
    pub config_schema_json: z4j_str,
    pub needs: z4j_str,
    pub validate: Option<unsafe extern "C" fn(z4j_str, *const c_void, *mut z4j_error) -> z4j_status>,
    pub create: unsafe extern "C" fn(*const z4j_host, z4j_str, *mut *mut c_void, *mut z4j_error) -> z4j_status,
    pub start: unsafe extern "C" fn(*mut c_void, *mut z4j_error) -> z4j_status,
    pub stop: unsafe extern "C" fn(*mut c_void, u32, *mut z4j_error) -> z4j_status,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub cancel: Option<unsafe extern "C" fn(*mut c_void, z4j_op)>,
    pub get_interface: unsafe extern "C" fn(z4j_str) -> *const c_void,
}

#[repr(C)]
pub struct z4j_plugin_entry {
    pub magic: u64,
    pub struct_size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub min_host_minor: u16,
    pub reserved0: u16,
    pub plugin_count: u32,
    pub plugins: *const *const z4j_plugin,
    pub build_info: z4j_str,
}

// Texts and tables that never change may be looked at from any thread.
unsafe impl Sync for z4j_notifier {}
unsafe impl Sync for z4j_plugin {}
unsafe impl Sync for z4j_plugin_entry {}

// The sizes of ABI 1.0, as sdk/abi/pins_1_0.cpp has them.
const _: () = assert!(size_of::<z4j_str>() == 16);
const _: () = assert!(size_of::<z4j_error>() == 1024);
const _: () = assert!(size_of::<z4j_notification>() == 144);
const _: () = assert!(size_of::<z4j_notifier>() == 56);
const _: () = assert!(size_of::<z4j_plugin>() == 224);
const _: () = assert!(size_of::<z4j_plugin_entry>() == 48);
