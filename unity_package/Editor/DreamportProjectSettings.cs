#nullable enable
using UnityEditor;
using UnityEngine;

namespace Dreamport.Editor
{
    /// <summary>Settings of the project, in ProjectSettings/DreamportSettings.asset.</summary>
    [FilePath("ProjectSettings/DreamportSettings.asset", FilePathAttribute.Location.ProjectFolder)]
    public sealed class DreamportProjectSettings : ScriptableSingleton<DreamportProjectSettings>
    {
        [SerializeField] bool _startWithPlay = true;
        [SerializeField] string _backendCommand = "";
        [SerializeField] string _address = "";
        [SerializeField] string _world = "";
        [SerializeField] string _capturesFolder = "";

        /// <summary>Whether pressing Play attaches to a backend, or starts one.</summary>
        public bool StartWithPlay { get => _startWithPlay; set => _startWithPlay = value; }
        /// <summary>The `dreamport` command, a virtual environment or a checkout; empty searches beside the project and in PATH.</summary>
        public string BackendCommand { get => _backendCommand; set => _backendCommand = value; }
        /// <summary>Where the backend listens; empty: this machine, port 50700.</summary>
        public string Address { get => _address; set => _address = value; }
        /// <summary>World for components that name none; empty: the backend's default.</summary>
        public string World { get => _world; set => _world = value; }
        /// <summary>Folder for recordings; empty: the backend's default.</summary>
        public string CapturesFolder { get => _capturesFolder; set => _capturesFolder = value; }

        /// <summary>Writes the settings.</summary>
        public void Write() => Save(true);
    }
}
