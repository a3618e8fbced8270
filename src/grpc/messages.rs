//! What people read, in English and in Spanish (es-MX).
//!
//! One fixed sentence per reason, and one per rule with its bounds; nothing of
//! a stored row ever stands in them but a client's status.

use super::context::Language;
use crate::domain::lifecycle::ClientStatus;
use crate::domain::rfc::Advisory;
use crate::error::{Problem, Reason};

/// One sentence in both languages.
pub(super) struct Sentence {
    english: String,
    spanish: String,
}

impl Sentence {
    pub(super) fn in_(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Spanish => &self.spanish,
        }
    }
}

fn say(english: impl Into<String>, spanish: impl Into<String>) -> Sentence {
    Sentence {
        english: english.into(),
        spanish: spanish.into(),
    }
}

/// The message of a whole answer.
pub(super) fn headline(reason: Reason) -> Sentence {
    match reason {
        Reason::ValidationFailed => say(
            "The request has invalid fields; see the field violations.",
            "La solicitud tiene campos no válidos; consulta el detalle de cada campo.",
        ),
        Reason::RequestIdReused => say(
            "This request_id was already used with another body; use a new one.",
            "Este request_id ya se usó con otro contenido; usa uno nuevo.",
        ),
        Reason::InvalidPageToken => say(
            "The page_token does not belong to this list; start again without it.",
            "El page_token no corresponde a esta lista; empieza de nuevo sin él.",
        ),
        Reason::PageTooDeep => say(
            "Page numbers reach the first 10000 rows only; refine the search, or go further by page_token where the list has one.",
            "Los números de página llegan solo a las primeras 10000 filas; acota la búsqueda, o avanza con page_token donde la lista lo tenga.",
        ),
        Reason::AssigneeNotInOrganization => say(
            "The assignee is not an active member of the client's organization.",
            "El responsable no es un miembro activo de la organización del cliente.",
        ),
        Reason::OrganizationNotFound => say(
            "There is no such organization.",
            "La organización no existe.",
        ),
        Reason::IdentityMissing => say(
            "The call does not say who makes it: part of its identity is missing.",
            "La llamada no dice quién la hace: falta una parte de su identidad.",
        ),
        Reason::IdentityInvalid => say(
            "The identity of the call is malformed, given twice or not to be trusted.",
            "La identidad de la llamada tiene un formato incorrecto, está repetida o no es confiable.",
        ),
        Reason::TokenExpired => say(
            "The token has expired; get a new one.",
            "El token venció; obtén uno nuevo.",
        ),
        Reason::RoleRequired => say(
            "Your role may not use this method.",
            "Tu rol no tiene permiso para usar este método.",
        ),
        Reason::OrganizationNotAllowed => say(
            "Your role works in its own organization only.",
            "Tu rol solo puede trabajar en su propia organización.",
        ),
        Reason::ClientNotFound => say("Client not found.", "No se encontró el cliente."),
        Reason::MemberNotFound => say("Member not found.", "No se encontró el miembro."),
        Reason::EventNotFound => say("Event not found.", "No se encontró el evento."),
        Reason::ClientEmailTaken => say(
            "Another client of the organization already has this e-mail.",
            "Otro cliente de la organización ya tiene este correo electrónico.",
        ),
        Reason::ClientTransitionNotAllowed => say(
            "A client cannot go from its status to this one.",
            "Un cliente no puede pasar de su estado actual al solicitado.",
        ),
        Reason::ClientNotDeleted => say(
            "Only a deleted client can be purged; delete it first.",
            "Solo se puede purgar un cliente eliminado; elimínalo primero.",
        ),
        Reason::OrganizationMismatch => say(
            "The event and the client belong to different organizations.",
            "El evento y el cliente pertenecen a organizaciones distintas.",
        ),
        Reason::EtagMismatch => say(
            "The client has changed since it was read; read it again.",
            "El cliente cambió desde que se leyó; vuelve a consultarlo.",
        ),
        Reason::TransactionConflict | Reason::LockTimeout => say(
            "Someone else is writing the same data; try again.",
            "Alguien más está escribiendo los mismos datos; inténtalo de nuevo.",
        ),
        Reason::DeadlineExceeded => say(
            "The operation took too long and was ended.",
            "La operación tardó demasiado y se canceló.",
        ),
        Reason::ServerOverloaded => say(
            "Too many calls at this moment; try again shortly.",
            "Hay demasiadas llamadas en este momento; inténtalo de nuevo en breve.",
        ),
        Reason::StorageFull => say(
            "The database has no room left.",
            "La base de datos no tiene espacio disponible.",
        ),
        Reason::DatabaseUnavailable => say(
            "The database cannot be reached; try again shortly.",
            "No hay conexión con la base de datos; inténtalo de nuevo en breve.",
        ),
        Reason::DatabaseReadOnly => say(
            "The database takes no writes at this moment; try again shortly.",
            "La base de datos no acepta escrituras en este momento; inténtalo de nuevo en breve.",
        ),
        Reason::ShuttingDown => say(
            "This instance is being stopped; try again.",
            "Esta instancia se está deteniendo; inténtalo de nuevo.",
        ),
        Reason::CommitOutcomeUnknown => say(
            "The connection was lost while saving: it may or may not have been saved; read again before repeating.",
            "Se perdió la conexión al guardar: puede que se haya guardado o no; consulta antes de repetir.",
        ),
        Reason::MessageTooLarge => say(
            "The request is larger than 64 KiB.",
            "La solicitud es mayor a 64 KiB.",
        ),
        Reason::MethodNotFound => say("There is no such method.", "El método no existe."),
        Reason::CompressionNotSupported => say(
            "Compressed requests are not taken; send it without compression.",
            "No se aceptan solicitudes comprimidas; envíala sin compresión.",
        ),
        Reason::Internal => say(
            "Something went wrong on our side; quote the error_id when you report it.",
            "Algo falló de nuestro lado; menciona el error_id al reportarlo.",
        ),
        // The rest stand in field violations.
        Reason::Required
        | Reason::TooLong
        | Reason::InvalidCharacter
        | Reason::InvalidUuid
        | Reason::InvalidEmail
        | Reason::InvalidEnum
        | Reason::InvalidTimestamp
        | Reason::OutOfRange
        | Reason::TooMany
        | Reason::InvalidRange
        | Reason::RfcInvalidFormat
        | Reason::RfcTypeMismatch
        | Reason::UnknownField
        | Reason::ReadOnlyField
        | Reason::Immutable
        | Reason::MutuallyExclusive
        | Reason::InvalidOrderBy
        | Reason::MalformedMessage => headline(Reason::ValidationFailed),
    }
}

/// What is wrong with one field and what would be right.
pub(super) fn problem(problem: &Problem) -> Sentence {
    match problem {
        Problem::Required => say("A value is required.", "Este campo es obligatorio."),
        Problem::TooLong { most, given } => say(
            format!("At most {most} characters are allowed; there are {given}."),
            format!("Se permiten {most} caracteres como máximo; hay {given}."),
        ),
        Problem::InvalidCharacter { character } => {
            let code = u32::from(*character);
            say(
                format!("The control character U+{code:04X} is not allowed."),
                format!("No se permite el carácter de control U+{code:04X}."),
            )
        }
        Problem::InvalidUuid => say(
            "Must be a UUID such as 0192f0c1-2345-7abc-8def-0123456789ab.",
            "Debe ser un UUID como 0192f0c1-2345-7abc-8def-0123456789ab.",
        ),
        Problem::InvalidEmail => say(
            "Must be an e-mail address such as ana@example.com.",
            "Debe ser un correo electrónico como ana@example.com.",
        ),
        Problem::InvalidEnum { given, allowed } => say(
            format!("{given} is not one of: {allowed}."),
            format!("{given} no es uno de: {allowed}."),
        ),
        Problem::InvalidTimestamp => say(
            "Must be a moment between the years 1 and 9999.",
            "Debe ser un momento entre los años 1 y 9999.",
        ),
        Problem::TooMany { most, given } => say(
            format!("At most {most} may be given; there are {given}."),
            format!("Se permiten {most} como máximo; hay {given}."),
        ),
        Problem::InvalidRange { from } => say(
            format!("Must be later than {from}."),
            format!("Debe ser posterior a {from}."),
        ),
        Problem::OutOfRange { least, most } => say(
            format!("Must be between {least} and {most}."),
            format!("Debe estar entre {least} y {most}."),
        ),
        Problem::RfcInvalidFormat => say(
            "Not an RFC: 3 or 4 letters (A–Z, Ñ, &), the date as YYMMDD and 3 letters or digits, such as EKU9003173C9.",
            "No es un RFC: 3 o 4 letras (A–Z, Ñ, &), la fecha como AAMMDD y 3 letras o dígitos, como EKU9003173C9.",
        ),
        Problem::RfcTypeMismatch { expected } => say(
            format!(
                "The RFC of this type of client has {expected} characters (INDIVIDUAL 13, COMPANY 12)."
            ),
            format!(
                "El RFC de este tipo de cliente tiene {expected} caracteres (persona física 13, persona moral 12)."
            ),
        ),
        Problem::UnknownField { allowed } => say(
            format!("No such field; there are: {allowed}."),
            format!("El campo no existe; hay: {allowed}."),
        ),
        Problem::ReadOnlyField => say(
            "Only the service writes this field.",
            "Este campo solo lo escribe el servicio.",
        ),
        Problem::Immutable => say(
            "This keeps the value it was first given.",
            "Este campo conserva su primer valor.",
        ),
        Problem::MutuallyExclusive { other } => say(
            format!("Cannot be given together with {other}."),
            format!("No puede darse junto con {other}."),
        ),
        Problem::InvalidOrderBy { allowed } => say(
            format!("One field and a direction at most: {allowed}."),
            format!("Un campo y, a lo más, una dirección: {allowed}."),
        ),
        Problem::MalformedMessage => say(
            "Not a message of this method, or its text is not UTF-8.",
            "No es un mensaje de este método o su texto no es UTF-8.",
        ),
        Problem::OrganizationMismatch
        | Problem::AssigneeNotInOrganization
        | Problem::OrganizationNotFound
        | Problem::RequestIdReused
        | Problem::InvalidPageToken
        | Problem::PageTooDeep { .. } => headline(problem.reason()),
    }
}

/// Why a client cannot go from one status to another, and where it can.
pub(super) fn transition(from: ClientStatus, to: ClientStatus) -> Sentence {
    let allowed = from.allowed_transitions();
    say(
        format!(
            "A client that is {from} may become {}, not {to}.",
            names(allowed, " or ")
        ),
        format!(
            "Un cliente en {from} puede pasar a {}, no a {to}.",
            names(allowed, " o ")
        ),
    )
}

/// Statuses by their names.
pub(super) fn names(statuses: &[ClientStatus], separator: &str) -> String {
    let names: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
    names.join(separator)
}

/// What is odd about an RFC.
pub(super) fn advisory(advisory: Advisory) -> Sentence {
    match advisory {
        Advisory::DateImpossible => say(
            "Its six digits are no date (YYMMDD).",
            "Sus seis dígitos no forman una fecha (AAMMDD).",
        ),
        Advisory::LastCharacter => say(
            "Its last character is neither a digit nor A.",
            "Su último carácter no es un dígito ni A.",
        ),
        Advisory::CheckDigit => say(
            "Its last character is not the check digit of the others; please compare it with the tax certificate.",
            "Su último carácter no es el dígito verificador de los demás; compáralo con la constancia fiscal.",
        ),
        Advisory::InconvenientWord => say(
            "Its first letters spell a word that SAT replaces.",
            "Sus primeras letras forman una palabra que el SAT sustituye.",
        ),
    }
}
