//! Calls that no generated client would make: any bytes to any method.

use prost::bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Response, Status};

use super::{Actor, Failure};

/// Messages as the bytes they are.
#[derive(Clone, Copy)]
pub(crate) struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

impl Actor {
    /// Calls `package.Service/Method` with a message of these bytes.
    pub(crate) async fn raw(
        &self,
        method: &str,
        message: Vec<u8>,
    ) -> Result<Response<Vec<u8>>, Failure> {
        let mut client = tonic::client::Grpc::new(self.carried());
        client.ready().await.expect("a connection");
        let path = format!("/{method}").parse().expect("a path");
        Ok(client.unary(Request::new(message), path, Bytes).await?)
    }
}
